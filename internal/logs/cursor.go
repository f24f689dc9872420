package logs

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Cursor is where a tail stands, so that another process can go on: it gives
// every entry that was not given before, and possibly some again, whose ids
// are the same.
type Cursor struct {
	// Query is the Digest of the query that it belongs to.
	Query string
	// Position is the store's.
	Position Position
	// Recent are digests of the last ids that were given, the newest last.
	Recent []uint64
	// Last and LastID are the place in the order that was reached.
	Last   time.Time
	LastID string
}

const (
	cursorVersion = 1
	// maxRecent bounds the ids in a cursor; with them it has about 6 KB.
	maxRecent = 512
	// maxCursor bounds a cursor, in bytes: it has to fit into one line of a
	// stream and one body of a request.
	maxCursor = 4 << 20
)

type cursorJSON struct {
	V int       `json:"v"`
	Q string    `json:"q"`
	P []byte    `json:"p,omitempty"`
	R []byte    `json:"r,omitempty"`
	T time.Time `json:"t,omitzero"`
	I string    `json:"i,omitempty"`
}

// String is the cursor's text: JSON in base64url, one word.
func (c Cursor) String() string {
	recent := c.Recent
	if len(recent) > maxRecent {
		recent = recent[len(recent)-maxRecent:]
	}
	r := make([]byte, 0, 8*len(recent))
	for _, d := range recent {
		r = binary.BigEndian.AppendUint64(r, d)
	}
	body, err := json.Marshal(cursorJSON{cursorVersion, c.Query, c.Position, r, c.Last.UTC(), c.LastID})
	if err != nil { // a year beyond 9999: the place is lost, the position is not
		body, _ = json.Marshal(cursorJSON{V: cursorVersion, Q: c.Query, P: c.Position, R: r})
	}
	return base64.RawURLEncoding.EncodeToString(body)
}

// ParseCursor reads a cursor's text. What is no cursor is a Usage error, one
// of another version of aictl a Version error.
func ParseCursor(s string) (Cursor, error) {
	bad := func(why string) error {
		return fail.New(fail.Usage, "this is no cursor: %s", why).Hint("remove the cursor file to begin anew")
	}
	s = strings.TrimSpace(s)
	if len(s) > maxCursor {
		return Cursor{}, bad("it is too long")
	}
	body, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return Cursor{}, bad("it is not base64")
	}
	var j cursorJSON
	if err := json.Unmarshal(body, &j); err != nil {
		return Cursor{}, bad("it does not hold what a cursor holds")
	}
	if j.V != cursorVersion {
		return Cursor{}, fail.New(fail.Version, "the cursor has version %d, and this aictl reads version %d", j.V, cursorVersion).
			Hint("remove the cursor file to begin anew")
	}
	if len(j.R)%8 != 0 || len(j.R) > 8*maxRecent || j.Q == "" {
		return Cursor{}, bad("it is damaged")
	}
	c := Cursor{Query: j.Q, Position: j.P, Last: j.T, LastID: j.I}
	for r := j.R; len(r) > 0; r = r[8:] {
		c.Recent = append(c.Recent, binary.BigEndian.Uint64(r))
	}
	return c, nil
}

// Digest identifies what a query asks for, without its bounds in time and
// number: a cursor of one query is of no use to another.
func Digest(q Query) string {
	services := slices.Sorted(slices.Values(q.Services))
	levels := slices.Sorted(slices.Values(q.Levels))
	grep, expr := "", ""
	if q.Grep != nil {
		grep = q.Grep.String()
	}
	if q.Where != nil {
		expr = q.Where.String()
	}
	// Marshalling strings cannot fail, and keeps the parts apart.
	body, _ := json.Marshal([]any{services, levels, q.Text, grep, q.Trace, expr, q.Raw})
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:12])
}
