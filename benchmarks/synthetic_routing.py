"""Weights that route as those of trained models do, and a text that they write.

Independent random weights choose experts evenly and anew for each token, which
no trained model does: with them a cache is worth its share of the model, whatever
its policy. Here skew and locality come out of the model's own forward:

* The text. Topics follow each other as a Markov chain and stay for TOPIC_STAY
  tokens on average. A token is a word: one of FUNCTION_WORDS that all topics
  share, or one of the topic's own; both fall off as 1/rank (Zipf). Each position
  of the text has a token id of its own, so a word has as many ids as uses.
* Embeddings. A token's row is the sum of a direction that all share, the topic's,
  the word's, and its own, whose lengths relate as in PARTS.
* The head. The row of a token is what word and own direction of the token before
  it are: greedy decoding writes the text, and goes round at its end.
* Routers. Each row is a random direction plus POPULARITY times a normal number
  along the direction that all embeddings share: some experts are liked by all.
* Layers. Attention and experts each add about LAYER_SHARE / sqrt(2) of the
  residual's length: it turns slowly, and a router sees nearly what the one before
  it saw. All other weights are normally distributed.

`docs/Prefetch.md` has the statistics that come out, beside published ones.
"""
import numpy as np

TOPICS, TOPIC_STAY = 24, 80
FUNCTION_WORDS, TOPIC_WORDS, FUNCTION_SHARE = 60, 400, 0.35
PARTS = {"shared": 0.60, "topic": 0.55, "word": 0.40, "own": 0.70}
POPULARITY, SPREAD = 0.6, 1.5
LAYER_SHARE = 0.22
SPECIALS = 3  # ids of the tokenizer's that no text has
STREAM = 1 << 25  # values


def directions(random, count, hidden):
    """Rows of length 1."""
    rows = random.standard_normal((count, hidden), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def zipf(count):
    weights = 1 / np.arange(1, count + 1)
    return weights / weights.sum()


class Text:
    """Topic, word and id of each position; every id but the specials occurs once."""

    def __init__(self, random, vocabulary):
        self.length = vocabulary - SPECIALS
        self.topics = np.empty(self.length, np.int64)
        topic = start = 0
        while start < self.length:
            topic = (topic + random.integers(1, TOPICS)) % TOPICS
            self.topics[start:] = topic
            start += random.geometric(1 / TOPIC_STAY)
        function = random.random(self.length) < FUNCTION_SHARE
        common = random.choice(FUNCTION_WORDS, self.length, p=zipf(FUNCTION_WORDS))
        own = random.choice(TOPIC_WORDS, self.length, p=zipf(TOPIC_WORDS))
        self.words = np.where(function, common, FUNCTION_WORDS + self.topics * TOPIC_WORDS + own)
        self.ids = SPECIALS + random.permutation(self.length)


class RoutedWeights:
    """Values of each tensor, part by part. Large matrices are pieces of one stream
    of normal numbers, each from a place and with a sign of its own."""

    def __init__(self, options):
        self.hidden, self.experts = options.hidden, options.experts
        self.random = np.random.Generator(np.random.SFC64(options.seed))
        self.text = Text(self.random, options.vocab)
        self.shared = directions(self.random, 1, self.hidden)
        self.make_embedding(options.vocab)
        self.stream = self.random.standard_normal(STREAM, np.float32)

    def make_embedding(self, vocabulary):
        ids, text = self.text.ids, self.text
        length = sum(part ** 2 for part in PARTS.values()) ** 0.5
        part = {name: value / length for name, value in PARTS.items()}
        topics = directions(self.random, TOPICS, self.hidden)
        words = directions(self.random, FUNCTION_WORDS + TOPICS * TOPIC_WORDS, self.hidden)
        self.embedding = directions(self.random, vocabulary, self.hidden)
        known = part["word"] * words[text.words] + part["own"] * self.embedding[ids]
        self.head = directions(self.random, vocabulary, self.hidden)
        self.head[np.roll(ids, -1)] = known / np.linalg.norm(known, axis=1, keepdims=True)
        self.embedding[ids] = part["shared"] * self.shared + part["topic"] * topics[text.topics] + known
        self.embedding *= self.hidden ** 0.5

    def router(self):
        # Norms make rows of length sqrt(hidden) of all that a router meets.
        rows = directions(self.random, self.experts, self.hidden)
        liked = POPULARITY * self.random.standard_normal((self.experts, 1), np.float32)
        return SPREAD * (rows + liked * self.shared / self.hidden ** 0.5)

    def scale(self, name, shape):
        """Standard deviation of a matrix's values. What meets an output projection
        has this mean square: of attention, an average of values; of experts,
        silu(gate) * up, averaged with the weights of the chosen."""
        mean_square = 0.42 if ".o_proj." in name else 0.09 if ".down_proj." in name else None
        if mean_square is None:
            return shape[1] ** -0.5
        layer = int(name.split(".")[2])
        residual = (1 + LAYER_SHARE ** 2) ** layer
        return (LAYER_SHARE ** 2 / 2 * residual / (shape[1] * mean_square)) ** 0.5

    def values(self, name, shape, chunk):
        if name in ("model.embed_tokens.weight", "lm_head.weight"):
            yield self.embedding if name.startswith("model") else self.head
        elif name.endswith("mlp.gate.weight"):
            yield self.router()
        elif len(shape) == 1:
            yield np.ones(shape, np.float32)
        else:
            scale = np.float32(self.scale(name, shape) * self.random.choice((-1, 1)))
            at, left = int(self.random.integers(STREAM)), shape[0] * shape[1]
            while left:
                part = self.stream[at : at + min(left, chunk)]
                yield part * scale
                at, left = (at + part.size) % STREAM, left - part.size
