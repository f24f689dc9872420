package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// maxLine bounds a line of an export: an operation's input is bounded to 8
// MiB, and escaping can make it several times longer.
const maxLine = 64 << 20

// Each yields every record, the oldest first. As JSON lines, one api.AuditEntry
// each as encoding/json spells it, they are an export, which VerifyExport
// checks without the server. An unreadable record ends it with fail.Failed
// that names the index.
func (l *Log) Each(ctx context.Context) iter.Seq2[api.AuditEntry, error] {
	return func(yield func(api.AuditEntry, error) bool) {
		stopped := false
		err := l.store.Walk(ctx, false, func(row Row) (bool, error) {
			e, err := entry(row)
			if err != nil {
				return false, fail.Wrap(fail.Failed, err, "the audit record %d is not readable", row.Index).Hint("aictl audit verify")
			}
			stopped = !yield(e, nil)
			return !stopped, nil
		})
		if err != nil && !stopped {
			yield(api.AuditEntry{}, err)
		}
	}
}

// VerifyExport checks the chain of an export, offline. It starts at whatever
// index the export starts with, so that a part of the record can be checked;
// it cannot know what came after the last line: compare Head with one that was
// kept elsewhere (Verify gives it). The error is for reading, not for a broken
// chain, which the report has.
func VerifyExport(r io.Reader) (api.AuditReport, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	v := verifier{last: Row{Index: -1, Hash: genesis}}
	count := int64(0)
	for lines.Scan() {
		row, err := exported(lines.Bytes())
		if err != nil {
			_, _ = v.broken(v.last.Index+1, "the line is not a record: %v", err)
			break
		}
		if count == 0 && row.Index > 0 { // a part: take its first prev on trust
			v.last = Row{Index: row.Index - 1, Hash: row.prev}
		}
		if more, _ := v.visit(row.Row); !more {
			break
		}
		count++
	}
	if err := lines.Err(); err != nil {
		return api.AuditReport{}, fail.Wrap(fail.Failed, err, "reading the export after %d records", count)
	}
	report := v.report()
	report.Records = count
	return report, nil
}

type exportedRow struct {
	Row
	prev string
}

// exported makes the row that a line came from. The line must be spelled as
// Each's entries are spelled: a second member of the same name, or one that differs in
// case, would be read differently by other programs.
func exported(line []byte) (exportedRow, error) {
	var e api.AuditEntry
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return exportedRow{}, err
	}
	if again, err := json.Marshal(e); err != nil || !bytes.Equal(again, line) {
		return exportedRow{}, errors.New("it is not spelled as it was exported")
	}
	body, err := json.Marshal(record{
		Index: e.Index, Time: e.Time, Actor: e.Actor, Remote: e.Remote, Operation: e.Operation, Target: e.Target,
		Phase: e.Phase, Outcome: e.Outcome, Reason: e.Reason, Request: e.Request, Details: e.Details, Prev: e.Prev,
	})
	return exportedRow{Row{Index: e.Index, Body: string(body), Hash: e.Hash}, e.Prev}, err
}
