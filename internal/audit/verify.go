package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aictl/aictl/internal/api"
)

// Verify walks the whole chain and holds it against the checkpoints. The
// first record that does not fit is named by its index: for a cut-off end, by
// the index that is missing.
func (l *Log) Verify(ctx context.Context) (api.AuditReport, error) {
	marks, err := l.marks.read()
	if err != nil {
		return api.AuditReport{}, err
	}
	v := verifier{marks: marks, last: Row{Index: -1, Hash: genesis}}
	err = l.store.Walk(ctx, false, v.visit)
	if err != nil && !errors.Is(err, errBroken) {
		return api.AuditReport{}, err
	}
	if v.why == "" {
		v.end()
	}
	return v.report(), nil
}

type verifier struct {
	marks map[int64]checkpoint
	last  Row
	at    int64
	why   string
}

func (v *verifier) report() api.AuditReport {
	r := api.AuditReport{OK: v.why == "", Records: v.last.Index + 1, Head: v.last.Hash, Why: v.why}
	if !r.OK {
		r.BrokenAt = &v.at
	}
	return r
}

func (v *verifier) broken(at int64, format string, args ...any) (bool, error) {
	v.at, v.why = at, fmt.Sprintf(format, args...)
	return false, errBroken
}

func (v *verifier) visit(row Row) (bool, error) {
	want := v.last.Index + 1
	if row.Index != want {
		return v.broken(want, "the record is missing: %d follows %d", row.Index, v.last.Index)
	}
	if hashOf(row.Body) != row.Hash {
		return v.broken(want, "the record was changed: it does not have its hash")
	}
	var r record
	if err := json.Unmarshal([]byte(row.Body), &r); err != nil {
		return v.broken(want, "the record is not readable")
	}
	if r.Index != row.Index {
		return v.broken(want, "the record belongs at index %d", r.Index)
	}
	if r.Prev != v.last.Hash {
		return v.broken(want, "the record does not follow the one before it")
	}
	if m, ok := v.marks[row.Index]; ok && m.Hash != row.Hash {
		return v.broken(want, "the record is not the one that its checkpoint signed")
	}
	v.last = row
	return true, nil
}

// end looks for checkpoints beyond the last record: they were signed for
// records that are gone.
func (v *verifier) end() {
	for index := range v.marks {
		if index > v.last.Index {
			v.at, v.why = v.last.Index+1, "the end is cut off: a checkpoint was signed for a later record"
			return
		}
	}
}
