"""Brackets, quotes, comments and types that are not ended: the compiler reports them far from where the end is missing."""

from pieces import CLOSING, FUNCTION, OPENING, TAGGED, directive_end, is_opening, text_at


def unclosed(text, tokens):
    """(message, place in the text) of the first bracket, quote or comment without its other end; None if there is none."""
    opened = []                                         # opening brackets, each with the word before it
    i = -1
    while i + 1 < len(tokens):
        i += 1
        token = tokens[i]
        top, word = opened[-1] if opened else (None, "")
        if token.kind == "directive":
            i = directive_end(tokens, i) - 1            # what stands between #if and #endif may be no C
        elif token.kind != "mark":
            continue
        elif token.text in "\"'":
            return f"missing {token.text} at the end of this text", token.start
        elif token.text == "/" and text.startswith("/*", token.start):
            return "missing */ at the end of this comment", token.start
        elif is_opening(token):
            opened.append((token, text_at(tokens, i - 1)))
        elif token.text == ";" and top and top.text != "{" and word != "for":
            return f"missing '{OPENING[top.text]}'", tokens[i - 1].end
        elif token.text in CLOSING:
            if top is None:
                return f"this '{token.text}' closes nothing: missing '{CLOSING[token.text]}' before it", token.start
            if top.text != CLOSING[token.text] and top.text != "{" and "\n" in text[top.start:token.start]:
                break                                   # as in  if (x {  whose } is lines below
            if top.text != CLOSING[token.text]:
                return f"missing '{OPENING[top.text]}' before '{token.text}'", token.start
            opened.pop()
    if not opened:
        return None
    token = opened[-1][0]
    place = first_outdented(text, tokens) if token.text == "{" else None
    return f"missing '{OPENING[token.text]}': this '{token.text}' is not closed", token.start if place is None else place


def first_outdented(text, tokens):
    """The place of the first { whose } is further left than the line of the {: its own } is probably missing."""
    def indentation(place):
        line = text[text.rfind("\n", 0, place) + 1:]
        return len(line) - len(line.lstrip(" \t"))

    opened = []
    for token in tokens:
        if token.text == "{":
            opened.append(token.start)
        elif token.text == "}" and opened:
            place = opened.pop()
            if indentation(token.start) < indentation(place):
                return place
    return None


def unended_type(pieces):
    """(message, place) if the cell ends with  struct P { ... }  and the semicolon after it is missing."""
    last = pieces[-1].tokens if pieces and pieces[-1].kind != FUNCTION else []
    ended = not last or last[0].text not in TAGGED or last[-1].text != "}"
    return None if ended else (f"missing ';' after the {last[0].text}", last[-1].end)
