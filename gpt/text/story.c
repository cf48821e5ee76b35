// story.c: the grammar of the stories, as data. grammar.h says how to read it; stories are told and checked by nothing else.
//
// Every story has a plot with causes and effects: who loses something is sad, is asked, tells, and gets help. Sentences are short,
// in the past tense, and hold what English demands: a or an, was or were, he, she or it for the right one.

#include "gpt/text/grammar.h"

const TableText story_tables[] = {
    {"one", "name/he/him/his/new/call",
     "Anna/she/her/her/a girl named Anna/Anna|"
     "Mia/she/her/her/a girl named Mia/Mia|"
     "Lily/she/her/her/a girl named Lily/Lily|"
     "Emma/she/her/her/a girl named Emma/Emma|"
     "Nora/she/her/her/a girl named Nora/Nora|"
     "Rosa/she/her/her/a girl named Rosa/Rosa|"
     "Zoe/she/her/her/a girl named Zoe/Zoe|"
     "Kate/she/her/her/a girl named Kate/Kate|"
     "Tom/he/him/his/a boy named Tom/Tom|"
     "Ben/he/him/his/a boy named Ben/Ben|"
     "Max/he/him/his/a boy named Max/Max|"
     "Sam/he/him/his/a boy named Sam/Sam|"
     "Leo/he/him/his/a boy named Leo/Leo|"
     "Jack/he/him/his/a boy named Jack/Jack|"
     "Finn/he/him/his/a boy named Finn/Finn|"
     "Paul/he/him/his/a boy named Paul/Paul|"
     "the fox/it/it/its/a fox/fox|"
     "the owl/it/it/its/an owl/owl|"
     "the bear/it/it/its/a bear/bear|"
     "the cat/it/it/its/a cat/cat|"
     "the dog/it/it/its/a dog/dog|"
     "the frog/it/it/its/a frog/frog|"
     "the duck/it/it/its/a duck/duck|"
     "the hen/it/it/its/a hen/hen|"
     "the mouse/it/it/its/a mouse/mouse|"
     "the ant/it/it/its/an ant/ant"},
    {"thing", "name", "ball|book|kite|boat|drum|hat|key|lamp|ring|doll|coin|scarf|map|bell|umbrella|arrow"},
    {"food", "name", "apple|pear|plum|egg|bun|cake|carrot|orange|cookie|nut"},
    {"place", "name/at", "park/in the park|garden/in the garden|forest/in the forest|beach/on the beach|hill/on the hill|lake/at the lake|"
     "farm/on the farm|river/at the river|market/at the market|bridge/on the bridge|town/in the town|island/on the island"},
    {"spot", "name", "under the bed|behind the door|in the grass|in a box|under a tree|behind a stone|near the well|on the roof|"
     "in a basket|under the table"},
    {"colour", "name", "red|blue|green|yellow|white|orange"},
    {"sort", "name", "old|new|big|small|shiny|ugly"},
    {"time", "name", "one day|one morning|one evening|one afternoon|one winter day|one summer day"},
    {"glad", "name", "happy|glad|proud|cheerful"},
    {"sad", "name", "sad|unhappy|upset|gloomy"},
    {"kin", "name", "mother|father|sister|brother|aunt|uncle|grandmother"},
    {"skill", "name/did", "sing/sang|dance/danced|swim/swam|run/ran|climb/climbed|draw/drew|read/read|cook/cooked|paint/painted|skate/skated"},
    {"noise", "name", "loud noise|strange sound|deep voice|long howl|big bang|awful scream"},
    {"gift", "name", "card|crown|picture|toy|apron|blanket|necklace|basket"},
    {NULL, NULL, NULL},
};

const VariableText story_variables[] = {
    {"hero", "one"}, {"friend", "one"}, {"thing", "thing"}, {"food", "food"}, {"place", "place"}, {"spot", "spot"},
    {"colour", "colour"}, {"sort", "sort"}, {"other_spot", "spot"}, {"skill", "skill"}, {"noise", "noise"}, {"kin", "kin"}, {"gift", "gift"}, {NULL, NULL},
};

const RuleText story_rules[] = {
    {"story", "<lost>\n\n|<hunger>\n\n|<fear>\n\n|<lesson>\n\n|<quarrel>\n\n|<present>\n\n"},

    // Something is lost, and found with a friend's help.
    {"lost", "<Opening> <Had> <Played> <Lost> <Grieved>\n<Came> <Asked> <ToldLoss> <Looked> <Found>\n<Cheered> <Thanked> <Closing>"},
    {"Had", "{Hero} had {thing.a}.|{Hero} had {colour.a} {thing}.|{Hero} had {sort.a} {colour} {thing}.|{Hero} took {hero.his} {sort} {thing} along."},
    {"Played", "The {thing} was a gift from {hero.his} {kin}.|<who> played with the {thing} all day.|<who> liked the {thing} very much.|"
     "The {thing} was {sort} and {colour}."},
    {"Lost", "But then the {thing} was gone.|But then {hero} lost the {thing}.|Then {hero} fell and lost the {thing}.|Then the wind took the {thing} away."},
    {"Grieved", "<who> was very <sad>.|<who> sat down and cried.|<who> began to cry.|<who> did not know what to do."},
    {"ToldLoss", "\"I lost my {thing},\" said {hero}.|\"My {thing} is gone,\" said {hero}.|\"I can not find my {thing},\" said {hero}."},
    {"Looked", "They looked {other_spot}.|They looked for the {thing} together.|{Friend} looked {other_spot}.|They looked for it all day."},
    {"Found", "At last they found the {thing} {spot}.|The {thing} was {spot}.|{Friend} found the {thing} {spot}.|There it was, {spot}."},

    // Who is hungry is given something, and does not forget it.
    {"hunger", "<Opening> <HadFood> <SatDown>\n<Came> <WasHungry> <Begged> <Shared> <Ate>\n<ThankedBack> <Cheered> <Closing>"},
    {"HadFood", "{Hero} had {food.a} for lunch.|{Hero.his} {kin} gave {hero.him} {food.a}.|{Hero} had {sort.a} {food} in {hero.his} bag."},
    {"SatDown", "<who> sat down to eat.|<who> wanted to eat the {food}.|<who> was about to eat it."},
    {"WasHungry", "{Friend} was very hungry.|{Friend} had nothing to eat.|{Friend} looked at the {food}."},
    {"Begged", "\"I am so hungry,\" said {friend}.|\"Can I have some of it?\" asked {friend}.|\"Is that {food.a}?\" asked {friend}.|"
     "\"Do you have {food.a} for me?\" asked {friend}."},
    {"Shared", "{Hero} gave {friend} half of the {food}.|So {hero} cut the {food} in two.|\"We can share it,\" said {hero}.|\"Here, take the {food},\" said {hero}."},
    {"Ate", "They ate it together.|It was a very good {food}.|{Friend} ate it up.|They sat {spot} and ate."},
    {"ThankedBack", "\"Thank you, {hero.call},\" said {friend}.|\"You are very kind,\" said {friend}.|\"I will not forget this,\" said {friend}."},

    // Who is afraid is not left alone.
    {"fear", "<Opening> <Scared> <Hid> <Trembled>\n<Came> <Asked> <ToldFear> <Comforted>\n<Stayed> <Thanked> <Cheered> <Closing>"},
    {"Scared", "Then there was {noise.a}.|{Hero} heard {noise.a}.|Suddenly {hero} was all alone.|Then it became very dark."},
    {"Hid", "<who> ran away and hid {spot}.|<who> hid {spot}.|<who> ran as fast as {hero.he} could."},
    {"Trembled", "<who> was afraid.|<who> did not dare to move.|<who> closed {hero.his} eyes.|<who> wanted to go home."},
    {"ToldFear", "\"I am afraid,\" said {hero}.|\"I want to go home,\" said {hero}.|\"There was {noise.a},\" said {hero}."},
    {"Comforted", "\"It was only the wind,\" said {friend}.|\"Do not be afraid,\" said {friend}.|\"I will stay with you,\" said {friend}."},
    {"Stayed", "{Friend} took {hero} home.|{Friend} sang a song for {hero}.|{Friend} stayed with {hero}.|They waited together {spot}."},

    // Who can't do something learns it.
    {"lesson", "<Opening> <Wanted> <Failed> <Grieved>\n<Came> <Asked> <ToldFailure> <Taught> <Practised>\n<Managed> <Cheered> <Thanked> <Closing>"},
    {"Wanted", "{Hero} wanted to {skill}.|{Hero} wanted to learn to {skill}.|It was {hero.his} dream to {skill}."},
    {"Failed", "But {hero.he} could not {skill}.|<who> tried to {skill}, but it was too hard.|<who> tried and tried."},
    {"ToldFailure", "\"I can not {skill},\" said {hero}.|\"I want to {skill},\" said {hero}.|\"It is too hard for me,\" said {hero}."},
    {"Taught", "\"I will show you,\" said {friend}.|\"I can teach you to {skill},\" said {friend}.|{Friend} showed {hero} how to {skill}."},
    {"Practised", "They {skill.did} every day.|First {friend} {skill.did}, and then {hero}.|They did it again and again."},
    {"Managed", "At last {hero} {skill.did} very well.|Now {hero} could {skill}, too.|Soon {hero} {skill.did} better than {friend}."},

    // Two want one thing, which does not survive it.
    {"quarrel", "<Opening> <Had> <Met> <BothWanted> <Fought> <Broke>\n<Regretted> <Sorry> <Forgave> <Mended>\n<BothGlad> <Closing>"},
    {"Met", "{Hero} met {friend.new}.|{Friend} was there, too.|{Hero.he} saw {friend} {place.at}."},
    {"BothWanted", "{Friend} wanted to have the {thing}.|{Friend} wanted the {thing}, too.|\"Give me the {thing},\" said {friend}."},
    {"Fought", "\"No, it is mine,\" said {hero}.|{Hero} did not want to give it away.|{Friend} took it from {hero}.|They both pulled."},
    {"Broke", "Then the {thing} broke.|The {thing} fell and broke in two.|And so the {thing} broke."},
    {"Regretted", "They were both very <sad>.|{Friend} began to cry.|For a while they did not talk.|They looked at the broken {thing}."},
    {"Sorry", "\"I am sorry,\" said {friend}.|\"I am so sorry, {hero.call},\" said {friend}.|\"It was all because of me,\" said {friend}."},
    {"Forgave", "\"I am sorry, too,\" said {hero}.|\"We can mend it,\" said {hero}.|\"Let us be friends again,\" said {hero}."},
    {"Mended", "They mended the {thing} together.|Together they made a new {thing}.|{Hero.his} {kin} helped them to mend it."},
    {"BothGlad", "They were both <glad> again.|Now the {thing} was for both of them.|They played with it together."},

    // Something is made for somebody.
    {"present", "<Birthday> <Planned> <Worked> <Secret>\n<Brought> <Opened> <Liked>\n<ThankedBack> <BothHappy> <Closing>"},
    {"Birthday", "<Time> it was the birthday of {friend}.|<Time> {friend} was ill.|<Time> {hero} thought of {friend}.|Once {friend} was very <sad>."},
    {"Planned", "{Hero} wanted to make {friend} {gift.a}.|{Hero} had an idea.|\"I will make {gift.a},\" said {hero}."},
    {"Worked", "<who> worked all day {spot}.|<who> made {colour.a} {gift}.|<who> made {gift.a} with {hero.his} {kin}."},
    {"Secret", "<who> did not tell anyone.|It was a secret.|Nobody knew about it.|Only {hero.his} {kin} knew about it."},
    {"Brought", "Then {hero} went to {friend}.|In the evening {hero} met {friend} {place.at}.|Then {hero} gave the {gift} to {friend}."},
    {"Opened", "\"This is for you,\" said {hero}.|\"I made {gift.a} for you,\" said {hero}.|\"Is that for me?\" asked {friend}."},
    {"Liked", "{Friend} loved the {gift}.|{Friend} was very <glad>.|{Friend} smiled at {hero}.|It was the best {gift} of all."},
    {"BothHappy", "They were both very <glad>.|They danced and sang until night.|They had <food.a> and were <glad>."},

    // What all have in common.
    {"Opening", "<Time> {hero} went to the {place}.|<Time> {hero} was {place.at}.|Once there was {hero.new}.|{Hero} lived near the {place}.|"
     "<Time> {hero} and {hero.his} {kin} went to the {place}."},
    {"who", "{Hero}|{Hero.he}"},
    {"Came", "Then {friend} came by.|{Friend} saw {hero} and came near.|Then {hero} met {friend.new}.|{Hero.his} friend was {friend.new}."},
    {"Asked", "\"Why are you <sad>?\" asked {friend}.|\"What is wrong?\" asked {friend}.|\"Can I help you, {hero.call}?\" asked {friend}."},
    {"Cheered", "Now {hero} was <glad> again.|<who> was very <glad>.|<who> smiled.|They were both <glad>."},
    {"Thanked", "\"Thank you, {friend.call},\" said {hero}.|\"You are a good friend,\" said {hero}.|{Hero} thanked {friend}."},
    {"Closing", "Then they went home.|From then on they were friends.|They played until it was dark.|They went home together.|"
     "And they had <food.a> for dinner."},
    {NULL, NULL},
};
