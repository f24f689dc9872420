package polish

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// band is one share of a bar: levels that are drawn alike. The strokes differ
// without colour too.
type band struct {
	name          string
	block, letter string // drawn with, where blocks can be shown and where not
	style         term.Style
	levels        []logs.Level
}

// bands stand in a bar from left to right, the worst first.
var bands = [...]band{
	{"error", "█", "#", term.Bad, []logs.Level{logs.LevelFatal, logs.LevelError}},
	{"warn", "▓", "=", term.Warn, []logs.Level{logs.LevelWarn}},
	{"info", "▒", "-", term.OK, []logs.Level{logs.LevelInfo}},
	{"other", "░", ".", term.Muted, []logs.Level{logs.LevelDebug, logs.LevelTrace, logs.LevelUnknown}},
}

// histogram is `aictl logs histogram`: a bar a step.
func (c *logsCommand) histogram(cmd *cobra.Command, in any) error {
	q := in.(*api.LogHistogramInput) //nolint:forcetypeassert // the declaration says so
	if err := logWindow(c.f, cmd, &q.LogFilter); err != nil {
		return err
	}
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	s, err := c.f.Settings()
	if err != nil {
		return err
	}
	if len(s.Targets) > 1 {
		return c.f.Run(cmd.Context(), api.LogsHistogram, q)
	}
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := c.f.Deadline(cmd.Context(), logsTimeout)
	defer cancel()
	buckets, err := api.LogsHistogram.Call(ctx, cl, *q)
	if err != nil {
		return err
	}
	if !p.Human() {
		return output.List(p, bucketColumns(), buckets)
	}
	t := c.f.IO
	ascii := t.ASCIIOnly()
	_, err = io.WriteString(p.Out(), drawHistogram(p.Env(), buckets, ascii))
	return err
}

func bucketColumns() output.View[api.LogBucket] {
	v := output.View[api.LogBucket]{
		Kind: "step", Name: func(b api.LogBucket) string { return timeWord(b.Time, false) },
		Columns: []output.Column[api.LogBucket]{
			col("time", func(b api.LogBucket) string { return timeWord(b.Time, false) }),
			num("count", func(b api.LogBucket) string { return fmt.Sprint(b.Count) }),
		},
	}
	for i := range bands {
		v.Columns = append(v.Columns, num(bands[i].name, func(b api.LogBucket) string { return fmt.Sprint(shares(b)[i]) }))
	}
	return v
}

// shares counts a bucket's entries by band. What has no level is "other".
func shares(b api.LogBucket) (out [len(bands)]int64) {
	rest := b.Count
	for word, n := range b.Levels {
		level := logs.ParseLevel(word)
		for i := range len(bands) - 1 {
			for _, l := range bands[i].levels {
				if l == level {
					out[i] += n
					rest -= n
				}
			}
		}
	}
	out[len(bands)-1] = max(0, rest)
	return out
}

// drawHistogram draws a line a bucket: its time, a bar whose length is its
// share of the greatest count, the count, and how many of them were errors and
// warnings. A bar's end and each border in it are off by half a cell at most;
// what is too little for a cell is only told by the figures.
func drawHistogram(env output.Env, buckets []api.LogBucket, ascii bool) string {
	var most, total int64
	for _, b := range buckets {
		most, total = max(most, b.Count), total+b.Count
	}
	if total == 0 {
		return "no entries\n"
	}
	var b strings.Builder
	for i := range bands {
		stroke := bands[i].block
		if ascii {
			stroke = bands[i].letter
		}
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(env.Styles.Apply(bands[i].style, strings.Repeat(stroke, 2)) + " " + bands[i].name)
	}
	b.WriteString("\n")
	times := bucketTimes(env, buckets)
	figures := len(fmt.Sprint(most))
	width := max(10, min(env.Width, 100)-term.Width(times[0])-figures-28)
	for i, bucket := range buckets {
		b.WriteString(env.Styles.Muted(times[i]) + " ")
		part := shares(bucket)
		at, sum := 0, int64(0)
		for j, n := range part {
			sum += n
			end := int((2*sum*int64(width) + most) / (2 * most)) // rounded
			stroke := bands[j].block
			if ascii {
				stroke = bands[j].letter
			}
			b.WriteString(env.Styles.Apply(bands[j].style, strings.Repeat(stroke, max(0, end-at))))
			at = max(at, end)
		}
		b.WriteString(strings.Repeat(" ", max(0, width-at)) + fmt.Sprintf(" %*d", figures, bucket.Count))
		if part[0] > 0 {
			b.WriteString("  " + env.Styles.Bad(countWord(part[0], "error", "errors")))
		}
		if part[1] > 0 {
			b.WriteString("  " + env.Styles.Warn(countWord(part[1], "warning", "warnings")))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// bucketTimes labels the steps as briefly as tells them apart.
func bucketTimes(env output.Env, buckets []api.LogBucket) []string {
	zone := env.Zone
	first, last := buckets[0].Time.In(zone), buckets[len(buckets)-1].Time.In(zone)
	layout := "15:04"
	for _, b := range buckets {
		if b.Time.Nanosecond() != 0 {
			layout = "15:04:05.000"
			break
		}
		if b.Time.Second() != 0 {
			layout = "15:04:05"
		}
	}
	if first.Format("20060102") != last.Format("20060102") || env.Now.Sub(last) > 24*time.Hour {
		layout = "2006-01-02 " + layout
	}
	out := make([]string, len(buckets))
	for i, b := range buckets {
		out[i] = b.Time.In(zone).Format(layout)
	}
	return out
}
