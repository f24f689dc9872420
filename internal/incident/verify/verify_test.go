package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func evidence() *Evidence {
	e := New()
	e.Text("the values of demo-checkout changed at 2026-03-01T12:01:30Z from 0.002 to 0.231")
	e.Text("ServiceErrorsHigh fires since 2026-03-01T12:02:00Z")
	e.Text("service/demo-checkout: revision 7 replaced 6")
	e.Text("the p95 of web-7f rose from 120 ms to 3.4 s")
	e.Text("memory of café rose to 512 MiB")
	e.Ratio(0.0523)
	e.Number(1234)
	e.Seconds(330)
	e.Time(time.Date(2026, 3, 1, 12, 7, 0, 0, time.UTC))
	return e
}

func TestCheck(t *testing.T) {
	for sentence, kept := range map[string]bool{
		// Numbers, within half a unit of their last digit.
		"The service failed 1234 calls.": true, "The service failed 1235 calls.": false, "The service failed 1.2 thousand calls.": true, "The service failed 1.3k calls.": false,
		"The service failed 1.234e3 calls.": true,
		// Shares: percent and ratio are one dimension, a bare number is another.
		"5 % of the calls failed.": true, "5.2% of the calls failed.": true, "5.3 percent of the calls failed.": false, "0.052 of the calls failed.": true, "0.06 of the calls failed.": false,
		"52 of the calls failed.": false, "23.1 % was the value.": true, "A quarter of the calls failed.": false, "Half of the calls failed.": false, "The calls doubled.": false, "The calls failed twice as often.": false,
		// Time spans, in any unit.
		"It took 330 seconds.": true, "It took 5.5 minutes.": true, "It took 5m30s.": true, "It took 6 minutes.": true, "It took 7 minutes.": false, "It took 330 minutes.": false, "It took five minutes.": false, "It took 330.": false,
		"The latency was 3.4 s.": true, "The latency was 3400 ms.": true, "The latency was 3.4 ms.": false, "The latency was 3.4s after 120ms.": true,
		// Bytes.
		"Memory was 512 MiB.": true, "Memory was 0.5 GiB.": true, "Memory was 512 MB.": false,
		// Moments: to the minute, to the second, with and without the day.
		"It began at 12:01.": true, "It began at 12:01:30 UTC.": true, "It began at 12:01:31.": false, "It began at 12:03.": false, "It began on 2026-03-01.": true, "It began on 2026-03-02.": false, "It ended at 2026-03-01T12:07:00Z.": true,
		// Names: as they are written, and no other word.
		"ServiceErrorsHigh fired.": true, "serviceerrorshigh fired.": false, "ServiceErrorsLow fired.": false, "The cause was demo-checkout.": true, "The cause was Demo-Checkout.": false, "The cause was billing.": false,
		"The cause was service/demo-checkout.": true, "The cause was revision 7.": true, "The cause was revision 8.": false, "The cause was revision seven.": true, "The cause was revision eight.": false,
		"The cause was web-7f.": true, "The cause was web-7e.": false, "The cause was café.": true, "The cause was cafe.": false, "Alice caused it.": false,
		"The cause was dеmo-checkout.":       false, // Cyrillic е
		"The cause was demo\u200b-checkout.": false, "The cause was \u202edemo-checkout.": false, "The cause was ｄemo-checkout.": false, "Failed ١٢٣٤ calls.": false,
		"The alert started after the change and the service recovered.": true,
	} {
		r := Check(sentence, evidence())
		require.Equal(t, kept, len(r.Kept) == 1, "%q: %v", sentence, r.Reasons)
		require.Len(t, r.Reasons, len(r.Dropped))
	}
}

func TestSentences(t *testing.T) {
	require.Equal(t, []string{"It was 5.2 % at 12:01.", "Then web.local failed!", "Did it?", "Yes"}, Sentences("It was 5.2 % at 12:01. Then web.local failed! Did it?\n\nYes"))
	r := Check("1234 calls failed. 9999 calls failed. It ended.", evidence())
	require.Equal(t, []string{"1234 calls failed.", "It ended."}, r.Kept)
	require.Equal(t, []string{"the number 9999"}, r.Reasons)
}

func TestNothingIsHeldByNothing(t *testing.T) {
	for _, s := range []string{"One call failed.", "web failed.", "It was at 12:00.", "0 calls failed."} {
		require.Empty(t, Check(s, New()).Kept, s)
	}
}

// FuzzCheck: what is kept is the input's, in order, and a digit that the
// evidence does not have is never kept.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"The service failed 1234 calls. It ended.", "5 % at 12:01.", "x\xff", "1e999 calls", "-.5e-3", "1_0.", "12:99", "seven-", "...", "5m30"} {
		f.Add(s)
	}
	e := New()
	e.Text("service web failed")
	f.Fuzz(func(t *testing.T, s string) {
		r := Check(s, e)
		at := 0
		for _, k := range r.Kept {
			i := strings.Index(s[at:], k)
			require.GreaterOrEqual(t, i, 0)
			at += i + len(k)
			require.NotContains(t, strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return '0'
				}
				return r
			}, k), "0", "a number that nothing holds: %q", k)
		}
		require.Len(t, r.Reasons, len(r.Dropped))
	})
}
