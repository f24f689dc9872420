package timeline

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestOrderDoesNotDependOnWhoAnswersFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	kinds := []string{"alert", "rollout", "pattern", "metric", "ack", "resolved", "config"}
	var rows []api.TimelineRow
	for i := range 80 {
		rows = append(rows, api.TimelineRow{ID: digest("x", string(rune(i))), Time: noon.Add(time.Duration(r.IntN(6)) * time.Second), Kind: kinds[r.IntN(len(kinds))]})
	}
	want := Order(append([]api.TimelineRow(nil), rows...))
	require.Len(t, want, 80)
	for range 50 {
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		require.Equal(t, want, Order(append([]api.TimelineRow(nil), append(rows, rows[0])...)), "one that is there twice is one")
	}
}

func TestCausesStandBeforeWhatFollows(t *testing.T) {
	got := Order([]api.TimelineRow{
		{ID: "1", Time: noon, Kind: "resolved"}, {ID: "2", Time: noon, Kind: "ack"}, {ID: "3", Time: noon, Kind: "alert"}, {ID: "4", Time: noon, Kind: "pattern"}, {ID: "5", Time: noon, Kind: "rollout"},
	})
	var kinds []string
	for _, r := range got {
		kinds = append(kinds, r.Kind)
	}
	require.Equal(t, []string{"rollout", "pattern", "alert", "ack", "resolved"}, kinds)
}

func sample(text string) api.Timeline {
	end := noon.Add(10 * time.Minute)
	return api.Timeline{From: noon, To: noon.Add(time.Hour), Rows: []api.TimelineRow{
		{ID: "a", Time: noon.Add(time.Minute), End: &end, Kind: "alert", Service: text, Title: text},
		{ID: "b", Time: noon, Kind: "rollout", Title: text, Actor: text, Reason: text, Show: "aictl changes " + text},
	}, Failed: []api.BackendFailure{{Backend: text, Message: text}}}
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	svg := SVG(sample(text), time.UTC)
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, "%q", text)
		if start, ok := token.(xml.StartElement); ok {
			require.Contains(t, []string{"svg", "title", "rect", "text", "line", "circle", "g"}, start.Name.Local)
		}
	}
	require.NotContains(t, strings.ReplaceAll(svg, "http://www.w3.org/2000/svg", ""), "href")
	require.Equal(t, svg, SVG(sample(text), time.UTC))
	md := Markdown(sample(text), time.UTC)
	for _, line := range strings.Split(strings.TrimSpace(md), "\n")[2:4] {
		require.True(t, strings.HasPrefix(line, "| "), "%q breaks the table: %q", text, line)
	}
	require.NotContains(t, md, "\x1b")
}

func TestHostileText(t *testing.T) {
	for _, text := range []string{"plain", `<script>alert("x")</script>`, "a & b < c > d ' \"", "]]>", "x\ny|z", "\x1b]0;x\x07", "\xff\xfe", "\u202egnp", "` `` ```", "\x00"} {
		wellFormed(t, text)
	}
}

func FuzzPictures(f *testing.F) {
	f.Add("<b>&amp;")
	f.Fuzz(wellFormed)
}
