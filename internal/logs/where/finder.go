package where

import (
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
)

// Finder gives the value of one field as text, found as Eval finds it: for
// columns and facets. It is not for concurrent use.
type Finder struct {
	leaf   *leaf
	parser fastjson.Parser
	dst    []byte
}

// NewFinder makes the finder of a field.
func NewFinder(field string) *Finder {
	f := &Finder{}
	f.leaf = newLeaf(field, func(string) test { return (*capture)(f) })
	return f
}

// Append adds the value to dst: of an array the first one. ok is false where
// the entry has none.
func (f *Finder) Append(dst []byte, entry *api.LogEntry) (out []byte, ok bool) {
	f.dst = dst
	ok = f.leaf.match(&record{entry: entry, parser: &f.parser})
	return f.dst, ok
}

// AppendDocument is Append for a document that was parsed already, as
// Program.MatchDocument is for Match.
func (f *Finder) AppendDocument(dst []byte, entry *api.LogEntry, doc *fastjson.Value) (out []byte, ok bool) {
	f.dst = dst
	ok = f.leaf.match(&record{entry: entry, doc: doc, parsed: true})
	return f.dst, ok
}

// capture is a test that takes the value and is content.
type capture Finder

func (c *capture) text(s string) bool {
	c.dst = append(c.dst, s...)
	return true
}

func (c *capture) number(_ float64, v *fastjson.Value) bool {
	c.dst = v.MarshalTo(c.dst)
	return true
}

func (c *capture) bool(b bool) bool {
	c.dst = strconv.AppendBool(c.dst, b)
	return true
}

func (c *capture) time(t time.Time) bool {
	c.dst = t.UTC().AppendFormat(c.dst, time.RFC3339Nano)
	return true
}
