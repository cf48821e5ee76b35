// story.c: the grammar of the stories, as data. grammar.h explains its form; it both tells stories and checks them.
//
// Every story has a plot with causes and effects: someone who loses something is sad, is asked why, tells, and gets help. Sentences are short
// and in the past tense, with the right a or an, was or were, he, she or it.

#include "gpt/stories/grammar.h"

const GrammarText story_tables[] = {
    {"one", "name/he/him/his/new|"
            "Anna/she/her/her/a girl named Anna|"
            "Mia/she/her/her/a girl named Mia|"
            "Nora/she/her/her/a girl named Nora|"
            "Zoe/she/her/her/a girl named Zoe|"
            "Tom/he/him/his/a boy named Tom|"
            "Ben/he/him/his/a boy named Ben|"
            "Max/he/him/his/a boy named Max|"
            "Paul/he/him/his/a boy named Paul|"
            "the fox/it/it/its/a fox|"
            "the owl/it/it/its/an owl|"
            "the bear/it/it/its/a bear|"
            "the ant/it/it/its/an ant"},
    {"thing", "name|ball|book|kite|boat|drum|hat|ring|arrow"},
    {"food", "name|apple|pear|egg|bun|cake"},
    {"place", "name/at|"
              "park/in the park|garden/in the garden|forest/in the forest|hill/on the hill|"
              "river/at the river|lake/at the lake"},
    {"spot", "name|under the bed|behind the door|in the grass|in a box|under a tree"},
    {"color", "name|red|blue|green|orange"},
    {"sort", "name|old|new|big|small"},
    {"time", "name|one day|one morning|one evening"},
    {"glad", "name|happy|glad"},
    {"sad", "name|sad|upset"},
    {"kin", "name|mother|father|sister|brother"},
    {"skill", "name/did|sing/sang|dance/danced|swim/swam|run/ran|draw/drew|paint/painted"},
    {"noise", "name|loud noise|strange sound|awful scream"},
    {"gift", "name|card|crown|toy|apron"},
    {NULL, NULL},
};

const GrammarText story_variables[] = {
    {"hero", "one"},    {"friend", "one"}, {"thing", "thing"}, {"food", "food"},   {"place", "place"}, {"spot", "spot"}, {"other_spot", "spot"},
    {"color", "color"}, {"sort", "sort"},  {"skill", "skill"}, {"noise", "noise"}, {"kin", "kin"},     {"gift", "gift"}, {NULL, NULL},
};

const GrammarText story_rules[] = {
    {"story", "<lost>\n\n|<hunger>\n\n|<fear>\n\n|<lesson>\n\n|<quarrel>\n\n|<present>\n\n"},

    // Something is lost and found with a friend's help.
    {"lost", "<Opening> <Had> <Played> <Lost> <Grieved>\n<Came> <Asked> <ToldLoss> <Looked> <Found>\n"
             "<Cheered> <Thanked> <Closing>"},
    {"Had", "<who> had {thing.a}.|<who> had {color.a} {thing}.|<who> had {sort.a} {color} {thing}."},
    {"Played", "<who> played with the {thing} all day.|The {thing} was {sort}."},
    {"Lost", "But then the {thing} was gone.|But then <it> lost the {thing}."},
    {"Grieved", "<who> was very <sad>.|<who> sat down and cried."},
    {"ToldLoss", "\"I lost my {thing},\" said {hero}.|\"My {thing} is gone,\" said {hero}."},
    {"Looked", "They looked {other_spot}.|They looked for the {thing} together."},
    {"Found", "The {thing} was {spot}.|{Friend} found the {thing} {spot}."},

    // A hungry animal is fed and remembers it.
    {"hunger", "<Opening> <HadFood> <SatDown>\n<Came> <WasHungry> <Begged> <Shared> <Ate>\n<ThankedBack> <Cheered> <Closing>"},
    {"HadFood", "<who> had {food.a} for lunch.|<who> had {food.a}."},
    {"SatDown", "<who> sat down to eat.|<who> wanted to eat the {food}."},
    {"WasHungry", "<other> was very hungry.|<other> looked at the {food}."},
    {"Begged", "\"I am so hungry,\" said {friend}.|\"Is that {food.a}?\" asked {friend}."},
    {"Shared", "{Hero} gave {friend} half of the {food}.|\"We can share it,\" said {hero}."},
    {"Ate", "They ate it together.|It was a very good {food}."},
    {"ThankedBack", "\"Thank you very much,\" said {friend}.|\"You are very kind,\" said {friend}."},

    // Someone is afraid and gets company.
    {"fear", "<Opening> <Scared> <Hid> <Trembled>\n<Came> <Asked> <ToldFear> <Comforted>\n<Stayed> <Thanked> <Cheered> <Closing>"},
    {"Scared", "Then there was {noise.a}.|<who> heard {noise.a}."},
    {"Hid", "<who> ran away and hid {spot}.|<who> ran as fast as {hero.he} could."},
    {"Trembled", "<who> was afraid.|<who> closed {hero.his} eyes."},
    {"ToldFear", "\"I am afraid,\" said {hero}.|\"There was {noise.a},\" said {hero}."},
    {"Comforted", "\"It was only the wind,\" said {friend}.|\"I will stay with you,\" said {friend}."},
    {"Stayed", "{Friend} took {hero} home.|They waited {spot}."},

    // Someone learns to do something.
    {"lesson", "<Opening> <Wanted> <Failed> <Grieved>\n"
               "<Came> <Asked> <ToldFailure> <Taught> <Practised>\n<Managed> <Cheered> <Thanked> <Closing>"},
    {"Wanted", "<who> wanted to {skill}.|<who> wanted to learn to {skill}."},
    {"Failed", "But <it> could not {skill}.|<who> tried to {skill}, but it was too hard."},
    {"ToldFailure", "\"I can not {skill},\" said {hero}.|\"I want to {skill},\" said {hero}."},
    {"Taught", "\"I can teach you to {skill},\" said {friend}.|{Friend} showed {hero} how to {skill}."},
    {"Practised", "They {skill.did} every day.|First {friend} {skill.did}, and then {hero}."},
    {"Managed", "At last {hero} {skill.did} very well.|Soon {hero} {skill.did} better than {friend}."},

    // Two want the same thing and break it.
    {"quarrel", "<Opening> <Had> <Met> <BothWanted> <Fought> <Broke>\n"
                "<Regretted> <Sorry> <Forgave> <Mended>\n<BothGlad> <Closing>"},
    {"Met", "Then <it> met {friend.new}.|{Friend} was there, too."},
    {"BothWanted", "{Friend} wanted to have the {thing}.|\"Give me the {thing},\" said {friend}."},
    {"Fought", "\"No, it is mine,\" said {hero}.|They both pulled."},
    {"Broke", "Then the {thing} broke.|The {thing} broke."},
    {"Regretted", "They were both very <sad>.|{Friend} began to cry."},
    {"Sorry", "\"I am sorry,\" said {friend}.|\"I am so sorry,\" said {friend}."},
    {"Forgave", "\"I am sorry, too,\" said {hero}.|\"We can mend it,\" said {hero}."},
    {"Mended", "They mended the {thing} together.|Then {hero.his} {kin} helped them."},
    {"BothGlad", "They were both very <glad>.|They played with it together."},

    // Something is made for someone.
    {"present", "<Occasion> <Planned> <Worked> <Secret>\n<Brought> <Opened> <Liked>\n<ThankedBack> <BothGlad> <Closing>"},
    {"Occasion", "<Time> it was the birthday of {friend}.|<Time> {friend} was ill."},
    {"Planned", "{Hero} wanted to make {gift.a} for {friend}.|\"I will make {gift.a},\" said {hero}."},
    {"Worked", "<who> worked all day.|<who> made {gift.a} with {hero.his} {kin}."},
    {"Secret", "<who> did not tell anyone.|Only {hero.his} {kin} knew about it."},
    {"Brought", "Then <it> went to {friend}.|Then <it> met {friend} {place.at}."},
    {"Opened", "\"This is for you,\" said {hero}.|\"Is that for me?\" asked {friend}."},
    {"Liked", "{Friend} loved the {gift}.|It was the best {gift} of all."},

    // Shared by all plots.
    {"Opening", "<Time> {hero} went to the {place}.|<Time> {hero} was {place.at}.|Once there was {hero.new}."},
    {"who", "{Hero}|{Hero.he}"},
    {"it", "{hero}|{hero.he}"},
    {"other", "{Friend}|{Friend.he}"},
    {"Came", "Then {friend} came by.|Then <it> met {friend.new}."},
    {"Asked", "\"Why are you <sad>?\" asked {friend}.|\"Can I help you?\" asked {friend}."},
    {"Cheered", "Now {hero} was <glad> again.|<who> was very <glad>."},
    {"Thanked", "\"Thank you so much,\" said {hero}.|\"You are a good friend,\" said {hero}."},
    {"Closing", "Then they went home.|From then on they were friends.|They played until it was dark."},
    {NULL, NULL},
};
