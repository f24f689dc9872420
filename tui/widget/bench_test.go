package widget

import (
	"fmt"
	"strconv"
	"testing"

	lipgloss "charm.land/lipgloss/v2/table"
)

// What a table of 100,000 rows costs, beside one that draws all of its rows and
// has a hundredth of them:
//
//	go test -run '^$' -bench Table -benchmem ./tui/widget

const many = 100_000

func filled(b *testing.B, n int) *Table[pod] {
	b.Helper()
	tb := pods(skin(b, "default"))
	tb.Set(numbered(n))
	tb.View(200, 60)
	return tb
}

func BenchmarkTableSet(b *testing.B) {
	rows := numbered(many)
	for _, c := range []struct{ name, sort, filter string }{
		{"plain", "", ""},
		{"sorted by number", "RESTARTS", ""},
		{"sorted by text", "NAME", ""},
		{"filtered", "", "failed"},
		{"sorted and filtered", "NAME", "failed"},
		{"filtered by an expression", "", "pod-[0-9]+9$"},
	} {
		b.Run(c.name, func(b *testing.B) {
			tb := filled(b, 1)
			tb.SortBy(c.sort, false)
			tb.Filter(c.filter)
			b.ReportAllocs()
			for b.Loop() {
				tb.Set(rows)
				tb.Len()
			}
		})
	}
}

// BenchmarkTableFilter is a letter typed after `/`.
func BenchmarkTableFilter(b *testing.B) {
	for _, expr := range []string{"failed", "pod-.*9.*fail", "~pd9fl", "!running"} {
		b.Run(expr, func(b *testing.B) {
			tb := filled(b, many)
			tb.Filter("x")
			tb.Len()
			for b.Loop() {
				tb.Filter(expr)
				tb.Len()
				tb.Filter("x")
				tb.Len()
			}
		})
	}
}

func BenchmarkTableView(b *testing.B) {
	for _, n := range []int{1000, many} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			tb := filled(b, n)
			b.ReportAllocs()
			for b.Loop() {
				tb.View(200, 60)
			}
		})
	}
}

func BenchmarkTableKeyAndView(b *testing.B) {
	tb := filled(b, many)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%many == 0 {
			tb.Act("list.top")
		}
		tb.Act("list.down")
		tb.View(200, 60)
	}
}

func BenchmarkTableUpsert100(b *testing.B) {
	for _, by := range []string{"", "NAME", "RESTARTS"} {
		b.Run("sorted by "+by, func(b *testing.B) {
			tb := filled(b, many)
			tb.SortBy(by, false)
			rows := numbered(many)
			batch := make([]pod, 100)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				for j := range batch {
					batch[j] = rows[(i*7919+j*997)%many]
					batch[j].restarts = i + j
				}
				tb.Upsert(batch...)
				tb.Len()
			}
		})
	}
}

// BenchmarkTableOfLipgloss is the baseline: a frame of 1,000 rows.
func BenchmarkTableOfLipgloss(b *testing.B) {
	tb := lipgloss.New().Headers("NAME", "STATUS", "RESTARTS", "NOTE").Width(200).Height(60)
	for _, p := range numbered(1000) {
		tb.Row(p.name, p.status, fmt.Sprint(p.restarts), p.note)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = tb.YOffset(i % 900).Render()
	}
}
