package widget

// logWords numbers the words of a column that has few: levels, services. It
// holds at most so many, of bounded length; the others stand beside their
// lines (number gives the limit for them), so that foreign words cannot fill
// the memory. Number 0 is the empty word.
type logWords struct {
	limit   int
	words   []string
	numbers map[string]int
}

// longestWord is the longest word that is numbered, in bytes.
const longestWord = 128

func newLogWords(limit int) logWords {
	return logWords{limit: limit, words: []string{""}, numbers: map[string]int{"": 0}}
}

func (w *logWords) number(word string) int {
	if n, ok := w.numbers[word]; ok {
		return n
	}
	if len(w.words) >= w.limit || len(word) > longestWord {
		return w.limit
	}
	word = string(append([]byte(nil), word...)) // not the document that it was cut from
	w.numbers[word] = len(w.words)
	w.words = append(w.words, word)
	return len(w.words) - 1
}

// word gives the word of a number; beside is what stands beside the line.
func (w *logWords) word(n int, beside string) string {
	if n >= w.limit {
		return beside
	}
	return w.words[n]
}

// chunkCache keeps the chunks that were unpacked last, up to cacheBytes but
// always the newest of each.
type chunkCache struct {
	heads  []cachedHead // the last used one is last
	bodies []cachedBody
}

type cachedHead struct {
	c *logChunk
	h *chunkHead
}

type cachedBody struct {
	c *logChunk
	b *chunkBody
}

func (k *chunkCache) head(u *unpacker, c *logChunk) *chunkHead {
	for i := len(k.heads) - 1; i >= 0; i-- {
		if e := k.heads[i]; e.c == c {
			copy(k.heads[i:], k.heads[i+1:])
			k.heads[len(k.heads)-1] = e
			return e.h
		}
	}
	h, size := u.head(c), 0
	k.heads = append(k.heads, cachedHead{c, h})
	for i := len(k.heads) - 1; i >= 0; i-- {
		if size += k.heads[i].h.size; size > cacheBytes && i < len(k.heads)-1 {
			k.heads = append([]cachedHead(nil), k.heads[i+1:]...)
			break
		}
	}
	return h
}

func (k *chunkCache) body(u *unpacker, c *logChunk) *chunkBody {
	for _, e := range k.bodies {
		if e.c == c {
			return e.b
		}
	}
	b := u.body(c)
	// Two: the lines of a page lie in two chunks at most.
	if len(k.bodies) == 2 {
		k.bodies[0] = k.bodies[1]
		k.bodies = k.bodies[:1]
	}
	k.bodies = append(k.bodies, cachedBody{c, b})
	return b
}

func (k *chunkCache) forget(c *logChunk) {
	for i := range k.heads {
		if k.heads[i].c == c {
			k.heads = append(k.heads[:i:i], k.heads[i+1:]...)
			break
		}
	}
	for i := range k.bodies {
		if k.bodies[i].c == c {
			k.bodies = append(k.bodies[:i:i], k.bodies[i+1:]...)
			break
		}
	}
}
