package sse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func readAll(r io.Reader, limit int) ([]Event, error) {
	var out []Event
	for rd := NewReader(r, limit); ; {
		e, err := rd.Next()
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
}

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 20000)
	for _, c := range []struct {
		name, in string
		want     []Event
		err      error
	}{
		{"empty", "", nil, io.EOF},
		{"LF", "data: a\n\ndata: b\n\n", []Event{{Data: []byte("a")}, {Data: []byte("b")}}, io.EOF},
		{"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", []Event{{Data: []byte("a")}, {Data: []byte("b")}}, io.EOF},
		{"CR", "data: a\r\rdata: b\r\r", []Event{{Data: []byte("a")}, {Data: []byte("b")}}, io.EOF},
		{"byte order mark", "\xef\xbb\xbfdata: a\n\n", []Event{{Data: []byte("a")}}, io.EOF},
		{"comment", ": ping\n\ndata:a\n\n", []Event{{Data: []byte("a")}}, io.EOF},
		{"lines", "data: a\ndata:  b\ndata\n\n", []Event{{Data: []byte("a\n b\n")}}, io.EOF},
		{"fields", "event: e\nid: 7\nretry: 10\ndata: x\n\ndata: y\n\n", []Event{{ID: "7", Type: "e", Retry: 10, Data: []byte("x")}, {ID: "7", Data: []byte("y")}}, io.EOF},
		{"unknown field and bad retry", "foo: 1\nretry: 1s\ndata: x\n\n", []Event{{Data: []byte("x")}}, io.EOF},
		{"cut", "data: a\n\ndata: b\n", []Event{{Data: []byte("a")}}, io.ErrUnexpectedEOF},
		{"long", "data: " + long + "\n\n", []Event{{Data: []byte(long)}}, io.EOF},
		{"leading blank lines", "\n\n\ndata: a\n\n\n", []Event{{Data: []byte("a")}}, io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{"whole": strings.NewReader(c.in), "by byte": iotest.OneByteReader(strings.NewReader(c.in)), "data and error": iotest.DataErrReader(strings.NewReader(c.in))} {
				got, err := readAll(r, 0)
				require.ErrorIs(t, err, c.err, name)
				require.Empty(t, cmp.Diff(c.want, got), name)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	_, err := readAll(strings.NewReader("data: "+strings.Repeat("x", 5000)+"\n\n"), 1000)
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = readAll(iotest.ErrReader(errors.New("boom")), 0)
	require.EqualError(t, err, "boom")
}

func TestAnEventIsNotHeldBack(t *testing.T) {
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	go func() { _, _ = io.WriteString(w, "data: a\n\n") }()
	e, err := NewReader(r, 0).Next()
	require.NoError(t, err)
	require.Equal(t, "a", string(e.Data))
}

func TestBatchIsWholeEvents(t *testing.T) {
	s := NewScanner(strings.NewReader("data: a\n\ndata: b\n\ndata: c"), 0, nil)
	b, err := s.Batch()
	require.NoError(t, err)
	require.Equal(t, "data: a\n\ndata: b\n\n", string(b))
	_, err = s.Batch()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestWriteForgesNothing(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Write(&b, Event{Type: "a\ndata: evil", ID: "1", Retry: 5, Data: []byte("x\r\ny\n\nz")}))
	got, err := readAll(&b, 0)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, []Event{{ID: "1", Type: "a data: evil", Retry: 5, Data: []byte("x\ny\n\nz")}}, got)
}

// FuzzReader holds that the way the bytes are cut into reads changes nothing,
// and that what was read can be written and read again.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "data: a\r\rdata: b\r\n\r\n", "\xef\xbb\xbf: x\n\nid\x00: 1\ndata", "\r\n\r\r\n\ndata:\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err1 := readAll(bytes.NewReader(in), 512)
		split, err2 := readAll(iotest.OneByteReader(bytes.NewReader(in)), 512)
		if !errors.Is(err1, ErrTooLarge) && !errors.Is(err2, ErrTooLarge) {
			require.Empty(t, cmp.Diff(whole, split))
			require.Equal(t, err1, err2)
		}
		var wire []byte
		for _, e := range whole {
			wire = Append(wire, e)
		}
		again, err := readAll(bytes.NewReader(wire), 1<<20)
		require.ErrorIs(t, err, io.EOF)
		require.Len(t, again, len(whole))
		for i := range whole {
			require.Equal(t, string(bytes.ReplaceAll(whole[i].Data, []byte("\r"), []byte("\n"))), string(again[i].Data))
		}
	})
}
