package widget

import (
	"encoding/binary"
	"encoding/hex"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A column is the values of one place in all lines of a chunk, stood together:
// a service's versions, the trace ids. Standing together they compress twice
// as well as line after line, as most of a JSON document is the same keys
// again, and each kind of value gets an entropy code of its own. The form is
// chosen a column:
//
//	plain  the lengths, then the bytes; compressed
//	same   every value is equal: it is written once
//	words  few values (names of pods, paths): them, then a byte a line; compressed
//	hex    lower-case hex of one length (ids of traces and spans): half the
//	       bytes, and nothing more to gain
const (
	columnPlain byte = iota
	columnSame
	columnWords
	columnHex
)

// columnWriter writes columns. It is for one goroutine.
type columnWriter struct {
	enc   *zstd.Encoder
	buf   []byte
	index []byte
	words map[string]byte
}

func newColumnWriter() *columnWriter {
	// One goroutine at a time, no checksum (memory does not rot), and a window
	// that a column needs: the default would hold 8 MiB of history. The options
	// are valid, so that there is no error.
	enc, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<18))
	return &columnWriter{enc: enc, words: map[string]byte{}}
}

// appendColumn writes the values.
func appendColumn[T string | []byte](w *columnWriter, dst []byte, values []T) []byte {
	switch {
	case len(values) == 0:
		return append(dst, columnSame, 0)
	case allSame(values):
		return appendBytes(append(dst, columnSame), values[0])
	case allHex(values):
		w.buf = w.buf[:0]
		for _, v := range values {
			w.buf, _ = hex.AppendDecode(w.buf, []byte(v)) // allHex has looked
		}
		return appendBytes(append(dst, columnHex), w.buf)
	}
	form := columnWords
	if !indexWords(w, values) {
		form = columnPlain
		w.buf = w.buf[:0]
		for _, v := range values {
			w.buf = binary.AppendUvarint(w.buf, uint64(len(v)))
		}
		for _, v := range values {
			w.buf = append(w.buf, v...)
		}
	}
	packed := w.enc.EncodeAll(w.buf, make([]byte, 0, len(w.buf)/2+64))
	if cap(w.buf) > 4<<20 { // after a line of megabytes
		w.buf = nil
	}
	return appendBytes(append(dst, form), packed)
}

// indexWords writes the values as words where few of them differ.
func indexWords[T string | []byte](w *columnWriter, values []T) bool {
	clear(w.words)
	w.buf, w.index = w.buf[:0], w.index[:0]
	most := min(255, len(values)/4)
	for _, v := range values {
		n, known := w.words[string(v)]
		if !known {
			if len(w.words) >= most {
				return false
			}
			n = byte(len(w.words)) //nolint:gosec // below 255
			w.words[string(v)] = n
			w.buf = appendBytes(w.buf, v)
		}
		w.index = append(w.index, n)
	}
	// The number of words goes last, where it is found without reading them.
	w.buf = append(append(w.buf, w.index...), byte(len(w.words))) //nolint:gosec // at most 255
	return true
}

func appendBytes[T string | []byte](dst []byte, b T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func allSame[T string | []byte](values []T) bool {
	for _, v := range values[1:] {
		if string(v) != string(values[0]) {
			return false
		}
	}
	return true
}

// shortestHex is the least length that is worth packing.
const shortestHex = 8

func allHex[T string | []byte](values []T) bool {
	n := len(values[0])
	if n < shortestHex || n%2 != 0 {
		return false
	}
	for _, v := range values {
		if len(v) != n {
			return false
		}
		for i := range len(v) {
			if c := v[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// unpacker decompresses; safe for concurrent use.
type unpacker struct {
	once sync.Once
	dec  *zstd.Decoder
}

func (u *unpacker) text(packed []byte) string {
	u.once.Do(func() {
		u.dec, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true))
	})
	out, err := u.dec.DecodeAll(packed, nil)
	if err != nil {
		panic("widget: a chunk of the log buffer cannot be read: " + err.Error()) // we wrote it: memory is broken
	}
	return string(out)
}

// columnReader reads what appendColumn wrote. The values of a column share one
// text, so that reading allocates a slice of headers a column.
type columnReader struct {
	packed []byte
	unpack *unpacker
}

func (r *columnReader) bytes() []byte {
	size, n := binary.Uvarint(r.packed)
	end := n + int(size) //nolint:gosec // a length that appendBytes wrote
	b := r.packed[n:end]
	r.packed = r.packed[end:]
	return b
}

// column reads n values.
func (r *columnReader) column(n int) []string {
	form := r.packed[0]
	r.packed = r.packed[1:]
	payload := r.bytes()
	out := make([]string, n)
	if n == 0 {
		return out
	}
	switch form {
	case columnSame:
		value := string(payload)
		for i := range out {
			out[i] = value
		}
	case columnHex:
		all := hex.EncodeToString(payload)
		size := len(all) / n
		for i := range out {
			out[i] = all[i*size : (i+1)*size]
		}
	case columnWords:
		text := r.unpack.text(payload)
		words := make([]string, text[len(text)-1])
		index := text[len(text)-1-n : len(text)-1]
		for i := range words {
			words[i], text = cutCounted(text)
		}
		for i := range out {
			out[i] = words[index[i]]
		}
	default:
		text := r.unpack.text(payload)
		lengths := make([]int, n)
		for i := range lengths {
			lengths[i], text = cutUvarint(text)
		}
		for i, size := range lengths {
			out[i], text = text[:size], text[size:]
		}
	}
	return out
}

func cutCounted(text string) (value, rest string) {
	n, rest := cutUvarint(text)
	return rest[:n], rest[n:]
}

// cutUvarint is binary.Uvarint over a string.
func cutUvarint(text string) (value int, rest string) {
	for i, shift := 0, 0; ; i, shift = i+1, shift+7 {
		value |= int(text[i]&0x7f) << shift
		if text[i] < 0x80 {
			return value, text[i+1:]
		}
	}
}
