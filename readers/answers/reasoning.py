"""Cuts off what an LLM thought before it answered, and what others said."""

import re

_TAGS = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis|seed:think|ant_?thinking|internal|plan(?:ning)?|draft"
_MARKS = [  # how a thought begins and ends, by the template of a model or a program
    (rf"<\|?(?:{_TAGS})(?:\s[^>]*)?\|?>", rf"<\|?/\s?(?:{_TAGS})\s*\|?>"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"◁think▷", r"◁/think▷"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<unused94>", r"<unused95>"),
    (r'<details\b[^>]*type="reasoning"[^>]*>', r"</details>"),
    (r"(?m:^Thinking\.\.\.$)", r"(?m:^\.\.\.done thinking\.$)"),
    (r"```(?:thinking|thought|reasoning|think)\b", r"\n```"),
]
_SIGNS = re.compile(r"[<◁]|\[/?THINK|^Thinking|```", re.M)  # one of which each mark has
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>", re.I)
_SIGNS = re.compile(r"[<◁]|\[/?THINK|^Thinking|```", re.M)  # one of which each mark has
_END_OF_CHANNEL = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# The same when a program took the markers out and left their words.
_STRIPPED = re.compile(r"^\s*analysis(?=[A-Z\s{\[]).*?assistant\s*final", re.S)

_TURNS = [  # how a conversation marks who speaks: (any turn with its role, end of a turn)
    (r"<\|im_start\|>\s*(\w+)", r"<\|im_end\|>"),
    (r"<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>", r"<\|eot_id\|>"),
    (r"<start_of_turn>\s*(\w+)", r"<end_of_turn>"),
    (r"<\|(system|user|assistant)\|>", r"<\|end\|>"),
    (
        r"(?mi)^[#* \t]*(user|human|prompt|system|you|assistant|ai|chatgpt|claude|gemini|gpt-4o|model|"
        r"response)(?:\s+said)?\**:\**[ \t]*",
        r"\Z",
    ),
]
_LLMS = {"assistant", "ai", "chatgpt", "claude", "gemini", "gpt-4o", "model", "response"}


def answer_of(text: str) -> str:
    """What is left without thoughts; empty where there is nothing but a thought."""
    text = _final_channel(text)
    text = _own_turns(text)
    if _SIGNS.search(text):
        for begin, end in _MARKS:
            text = _without(text, begin, end)
    return text


def _without(text: str, begin: str, end: str) -> str:
    """Without what stands between two marks.

    An end that nothing began ends a thought that the template of a chat had begun; a beginning
    without an end begins one that was cut off.
    """
    kept, place, is_thought = [], 0, False
    for mark in re.finditer(f"(?P<begin>{begin})|(?P<end>{end})", text, re.I):
        if mark["begin"]:
            if not is_thought:
                kept.append(text[place : mark.start()])
            is_thought = True
        elif is_thought:
            place, is_thought = mark.end(), False
        elif not begin.startswith(("```", "<details")):  # which end other things, too
            kept, place = [], mark.end()
    return "".join(kept) if is_thought else "".join(kept) + text[place:]


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


def _own_turns(text: str) -> str:
    """What the LLM said, where a text is a conversation of several."""
    for turn, end in _TURNS:
        found = [*re.finditer(turn, text)]
        roles = [mark[1].lower() for mark in found]
        if not (set(roles) & _LLMS and set(roles) - _LLMS):
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
