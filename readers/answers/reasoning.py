"""Cuts off what an LLM thought before it answered, and what others said."""

import re
from collections.abc import Sequence

_THOUGHT = (
    r"(?:seed:|ant_?|deep_?|self_?)?(?:think|thinking|thought|thoughts|reason|reasoning|reflection|rationale)"
    r"|thinking_\w+|(?!(?:begin|end)_of_)\w+_thoughts?|scratchpad|cot|chain_of_thought|(?:inner_)?monologue|brainstorm"
    r"|analysis|draft"
)
_TAGS = rf"{_THOUGHT}|(?:self_?)?check|internal|plan|planning"
_EXAMPLES = (r"<examples?(?:\s[^>]*)?>", r"</\s?examples?\s*>")
_MARKS = [  # how a thought begins and ends, by the template of a model or a program
    (rf"<\|?(?:{_TAGS})(?:\s[^>]*)?\|?>", rf"<\|?/\s?(?:{_TAGS})\s*\|?>"),
    (rf"&lt;(?:{_TAGS})&gt;", rf"&lt;/(?:{_TAGS})&gt;"),
    (r"\[(?:THINK|REASONING)\]", r"\[/(?:THINK|REASONING)\]"),
    (r"(?:<s>)?\s*\[INST\]", r"\[/INST\]"),
    (r"◁think▷", r"◁/think▷"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<unused94>", r"<unused95>"),
    (
        r"<details\b[^>]*>(?=\s*<summary>[^<]*(?:thought|think|reason))|<details\b[^>]*type=.reasoning.[^>]*>",
        r"</details>",
    ),
    (r"(?m:^Thinking\.\.\.$)", r"(?m:^\.\.\.done thinking\.$)"),
    (r"```(?:thinking|thought|reasoning|think)\b", r"\n```"),
]
_SIGNS = re.compile(
    r"[<◁]|&lt;|\[/?(?:THINK|REASON|INST)|^Thinking|```", re.M
)  # one of which each mark has
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>", re.I)
_END_OF_CHANNEL = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# The same when a program took the markers out and left their words.
_STRIPPED = re.compile(r"^\s*analysis(?=[A-Z\s{\[]).*?(?:assistant\s*final|\nfinal\n)", re.S)
# A thought and an answer that only words tell apart.
_SAID_TO_BE_THOUGHT = re.compile(
    r"\A[\s*#]*(thoughts?|thinking|analysis|reasoning)\**:.*"
    r"^[\s*#]*(final(?: answer| output| rows)?|answer|output)\**:\**",
    re.I | re.S | re.M,
)
# What the template of a chat puts behind an answer.
_END = re.compile(
    r"\s*(?:<\|?(?:im_end|end|endoftext|end_of_text|eot_id|eos|return|/?s)\|?>|</s>|<end_of_turn>"
    r"|<｜[^｜<>]{1,40}｜>|\[/?(?:ANSWER|OUTPUT|END|DONE)\])\s*\Z",
    re.I,
)

# The first of which ends what began with the LLM's own words.
_END_OF_TURN = re.compile(
    r"<\|(?:im_end|eot_id|endoftext|end_of_text)\|>|<end_of_turn>|<\|im_start\|>\s*user"
    r"|<\|start_header_id\|>\s*user|<start_of_turn>\s*user|<\|user\|>|(?:\A|\n)\n(?:Human|User): "
)
_TURN_OF_OTHERS = re.compile(
    r"<\|im_start\|>\s*(?!assistant)\w|<\|start_header_id\|>\s*(?!assistant)\w"
    r"|<start_of_turn>\s*(?!model)\w|<\|(?:user|system)\|>"
)

_TURNS = [  # how a conversation marks who speaks: (any turn with its role, end of a turn)
    (r"<\|im_start\|>\s*(\w+)", r"<\|im_end\|>"),
    (r"<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>", r"<\|eot_id\|>"),
    (r"<start_of_turn>\s*(\w+)", r"<end_of_turn>"),
    (r"<\|(system|user|assistant)\|>", r"<\|end\|>"),
    (
        r"(?mi)^[#* \t]*(user|human|prompt|system|you|instruction|input|question|q|"
        r"assistant|ai|chatgpt|claude|"
        r"gemini|gpt-4o|model|response|output|answer|a)(?:\s+said)?\**:\**[ \t]*",
        r"\Z",
    ),
]
_LLMS = {"assistant", "ai", "chatgpt", "claude", "gemini", "gpt-4o", "model", "response"}
_LLMS |= {"output", "answer", "a"}


def answer_of(text: str, labels: Sequence[str] = (), *, with_examples: bool = False) -> str:
    """What is left without thoughts; empty where there is nothing but a thought.

    A tag or a role that is called like one of the `labels` is data, and so is what is called an
    example `with_examples`.
    """
    names = {re.sub(r"\W", "", label.lower()) for label in labels}
    text = _final_channel(text)
    text = _first_turn(text, names)
    thought = _SAID_TO_BE_THOUGHT.match(text)
    if thought and names.isdisjoint(word.lower().replace(" ", "") for word in thought.groups()):
        text = text[thought.end() :]
    text = _own_turns(text, names)
    if _SIGNS.search(text):
        for begin, end in _MARKS if with_examples else [*_MARKS, _EXAMPLES]:
            text = _without(text, begin, end, names)
    while end_of_turn := _END.search(text, max(0, len(text) - 100)):
        text = text[: end_of_turn.start()]
    return text


def is_thought(key: str) -> bool:
    """Whether a key of JSON is called like a thought: `{"reasoning": …, "rows": […]}`."""
    return re.fullmatch(_THOUGHT, key.strip(), re.I) is not None


def is_example(key: str) -> bool:
    """Whether a key of JSON is called like what shows how an answer looks."""
    return (
        re.fullmatch(r"examples?(?:_?(?:rows?|records?|outputs?))?|templates?", key.strip(), re.I)
        is not None
    )


def _without(text: str, begin: str, end: str, names: set[str]) -> str:
    """Without what stands between two marks.

    An end that nothing began ends a thought that the template of a chat had begun; a beginning
    without an end begins one that was cut off, if a line begins with it.
    """
    kept, place, in_thought = [], 0, False
    marks = [*re.finditer(f"(?P<begin>{begin})|(?P<end>{end})", text, re.I)]
    last_end = max((mark.start() for mark in marks if mark["end"]), default=-1)
    for mark in marks:
        is_mention = mark.start() > last_end and text[: mark.start()].rstrip(" \t")[-1:] not in (
            "",
            "\n",
        )
        if is_mention or re.sub(r"\W", "", mark[0].lower()) in names:
            continue
        if mark["begin"]:
            if not in_thought:
                kept.append(text[place : mark.start()])
            in_thought = True
        elif in_thought:
            place, in_thought = mark.end(), False
        elif not end.startswith((r"\n```", "</details")):  # which end other things, too
            kept, place = [], mark.end()
    return "".join(kept) if in_thought else "".join(kept) + text[place:]


def _final_channel(text: str) -> str:
    """What was said in the channel `final`, where there are channels."""
    channels = [*_CHANNEL.finditer(text)]
    if not channels:
        return _STRIPPED.sub("", text)
    said = []
    for channel in channels:
        if channel[1].lower() == "final":
            end = _END_OF_CHANNEL.search(text, channel.end())
            said.append(text[channel.end() : end.start() if end else len(text)])
    return "\n".join(said)


def _first_turn(text: str, names: set[str]) -> str:
    """An answer without the turns that an LLM wrote on behind its own end.

    Words mark a turn only where more stands before them: a conversation may have a title.
    """
    end = _END_OF_TURN.search(text)
    if end is None or not re.search(r"\w", text[: end.start()]):
        return text
    if re.sub(r"\W", "", end[0].lower()) in names:
        return text
    is_conversation = (
        2 * end.start() < len(text)
        if "<" not in end[0]
        else _TURN_OF_OTHERS.search(text, 0, end.start()) is not None
    )
    return text if is_conversation else text[: end.start()]


def _own_turns(text: str, names: set[str]) -> str:
    """What the LLM said, where a text is a conversation of several."""
    for turn, end in _TURNS:
        found = [*re.finditer(turn, text)]
        roles = [mark[1].lower() for mark in found]
        if not (set(roles) & _LLMS and set(roles) - _LLMS) or set(roles) & names:
            continue
        ends = [mark.start() for mark in found[1:]] + [len(text)]
        said = []
        for mark, role, last in zip(found, roles, ends, strict=True):
            if role in _LLMS:
                said.append(re.split(end, text[mark.end() : last])[0])
        return "\n".join(said)
    return re.sub(
        r"<\|(?:im_start|start_header_id)\|>\s*assistant(?:<\|end_header_id\|>)?", "", text
    )
