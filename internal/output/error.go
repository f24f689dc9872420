package output

import (
	"io"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// ErrorType is the member "type" of an error document.
const ErrorType = "aictl.error"

// WriteError reports err on w, which is stderr: one JSON document on one line
// in machine formats, otherwise what failed, why, and what to run next. A nil
// err and a reader that has gone (term.ErrPipe) write nothing.
func WriteError(w io.Writer, f Format, styles term.Styles, err error) error {
	if err == nil || term.IsPipe(err) {
		return nil
	}
	doc := fail.ToDocument(err, ErrorType)
	if f.Machine() {
		b, mErr := marshal(doc)
		if mErr != nil {
			return mErr
		}
		_, wErr := w.Write(append(b, '\n'))
		return wErr
	}
	var b strings.Builder
	b.WriteString(styles.Bad("error:") + " " + term.Safe(doc.Message) + "\n")
	for _, c := range doc.Cause {
		if !strings.Contains(doc.Message, c) {
			b.WriteString("  " + styles.Muted("because:") + " " + term.Safe(c) + "\n")
		}
	}
	if doc.Request != "" {
		b.WriteString("  " + styles.Muted("request:") + " " + term.SafeLine(doc.Request) + "\n")
	}
	if doc.Next != "" {
		b.WriteString(styles.Accent("next:") + " " + term.Safe(doc.Next) + "\n")
	}
	_, wErr := io.WriteString(w, b.String())
	return wErr
}
