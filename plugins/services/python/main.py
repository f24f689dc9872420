"""digest: the sentences and the terms that carry a text.

Extractive and deterministic: it quotes, and makes nothing up. Sentences are
ranked by TextRank (Mihalcea and Tarau, "TextRank: Bringing Order into Texts",
EMNLP 2004), terms by RAKE (Rose et al., "Automatic Keyword Extraction from
Individual Documents", 2010).
"""

import math
import os
import re
import sys
from collections import Counter, defaultdict

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../sdk/python"))
from aictl_plugin import Invalid, Service  # noqa: E402

service = Service()

MAX_SENTENCES = 2000
DAMPING, ROUNDS, CLOSE = 0.85, 50, 1e-6
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[^\W_a-z])|\n{2,}")
STOP = frozenset(
    """a about above after again all also am an and any are as at be because been before being below between both but
    by can could did do does doing down during each either few for from further had has have having he her here hers him
    his how i if in into is it its itself just like may me might more most must my neither no nor not now of off on once
    only or other our ours out over own per same shall she should since so some such than that the their theirs them then
    there these they this those through to too under until up upon us very was we were what when where which while who
    whom why will with within without would yet you your yours""".split()
)


def text_of(data):
    text = data.get("text") if isinstance(data, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise Invalid("text is missing: send {\"text\": \"…\"}")
    return text


def number(data, key, default, low, high):
    value = data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid(f"{key} is {value!r}, and can be a whole number from {low} to {high}")
    return value


def words(text):
    return [w.lower() for w in WORD.findall(text)]


def split(text):
    return [s for s in (" ".join(part.split()) for part in END.split(text)) if s]


def rank(bags, call):
    """The TextRank score of each sentence; the scores' mean is 1."""
    index = defaultdict(list)
    for i, bag in enumerate(bags):
        for w in bag:
            index[w].append(i)
    edges = []
    for i, bag in enumerate(bags):
        common = Counter(j for w in bag for j in index[w] if j != i)
        size = len(bag)
        edges.append({j: n / (math.log(size + 1) + math.log(len(bags[j]) + 1)) for j, n in common.items()})
    out = [sum(e.values()) for e in edges]
    score = [1.0] * len(bags)
    for _ in range(ROUNDS):
        call.check()
        fresh = [1 - DAMPING + DAMPING * sum(w / out[j] * score[j] for j, w in e.items()) for e in edges]
        change = max((abs(a - b) for a, b in zip(fresh, score)), default=0)
        score = fresh
        if change < CLOSE:
            break
    return score


@service.operation("summarize")
def summarize(data, call):
    text = text_of(data)
    wanted = number(data, "sentences", 3, 1, 50)
    sentences = split(text)
    if len(sentences) > MAX_SENTENCES:
        raise Invalid(f"the text has {len(sentences)} sentences; {MAX_SENTENCES} at most can be ranked at once")
    bags = [set(words(s)) - STOP for s in sentences]
    score = rank(bags, call)
    best = sorted(sorted(range(len(sentences)), key=lambda i: (-score[i], i))[:wanted])
    return {
        "summary": " ".join(sentences[i] for i in best),
        "sentences": [{"text": sentences[i], "position": i, "score": round(score[i], 6)} for i in best],
        "of": len(sentences),
    }


@service.operation("keywords")
def keywords(data, call):
    text = text_of(data)
    limit = number(data, "limit", 10, 1, 200)
    phrases = Counter()
    for clause in re.split(r"[^\w\s'’-]+|\n", text):
        run = []
        for w in words(clause) + [""]:
            if w and w not in STOP and not w.isdigit():
                run.append(w)
            elif run:
                phrases[tuple(run[:4])] += 1
                run = []
    degree, frequency = Counter(), Counter()
    for phrase, n in phrases.items():
        for w in phrase:
            frequency[w] += n
            degree[w] += n * len(phrase)
    score = {p: sum(degree[w] / frequency[w] for w in p) for p in phrases}
    for p in sorted(score, key=lambda p: (-score[p], p))[:limit]:
        call.check()
        yield {"term": " ".join(p), "score": round(score[p], 6), "count": phrases[p]}


if __name__ == "__main__":
    service.run()
