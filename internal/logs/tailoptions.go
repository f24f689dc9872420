package logs

import (
	"context"
	"time"
)

// Waiter is what a store may be besides: Wait returns when something may have
// become visible after the position, or with ctx's error. Without it a tail
// asks in intervals.
type Waiter interface {
	Wait(ctx context.Context, since Position) error
}

// TailOptions tune a tail. The zero value of each member is its default.
type TailOptions struct {
	// Cursor resumes another tail of the same query; "" begins at Query.From.
	Cursor string
	// Hold is how late an entry may come and still get its place in the order.
	// It delays every entry by as much. With 0 the entries of one answer of
	// the store are in order, and those of different answers as they came.
	Hold time.Duration
	// Window is how long an id is remembered at least, to recognise an entry
	// that the store gives twice (the greater of a minute and twice Hold).
	Window time.Duration
	// MaxSeen bounds the remembered ids (1 million, about 80 MB when full).
	MaxSeen int
	// MaxHeld and MaxHeldBytes bound what waits for its place (400,000
	// entries, 96 MiB). Beyond them the oldest go early, which is said.
	MaxHeld, MaxHeldBytes int
	// Batch is how many entries are asked for at once (1,000).
	Batch int
	// MinPoll and MaxPoll are the shortest and the longest time between two
	// questions to a store that has nothing new (100 ms, 1 s).
	MinPoll, MaxPoll time.Duration
	// CallTimeout bounds one question (30 s), MaxBackoff the time between two
	// attempts while the store is away (10 s).
	CallTimeout, MaxBackoff time.Duration
	// NoticeAfter is how long the store may be away before it is said (2 s).
	NoticeAfter time.Duration
	// Heartbeat is the time between watermarks while nothing comes (5 s).
	Heartbeat time.Duration
	// Now is the clock (time.Now). Waiting uses the runtime's timers.
	Now func() time.Time
}

const (
	waitSpacing     = 20 * time.Millisecond  // between two questions to a Waiter
	markEvery       = 250 * time.Millisecond // between two watermarks, while something comes
	bigCursor       = 32 << 10               // bytes; with a longer cursor watermarks are rarer
	sayEvery        = time.Minute            // between two gaps of the same reason
	maxUnknownFails = 10                     // attempts that end with an error of no known kind
	maxRetryAfter   = 10 * time.Minute
)

func (o *TailOptions) complete() {
	set := func(d *time.Duration, fallback time.Duration) {
		if *d <= 0 {
			*d = fallback
		}
	}
	count := func(n *int, fallback int) {
		if *n <= 0 {
			*n = fallback
		}
	}
	o.Hold = max(o.Hold, 0)
	set(&o.Window, max(time.Minute, 2*o.Hold))
	count(&o.MaxSeen, 1_000_000)
	count(&o.MaxHeld, 400_000)
	count(&o.MaxHeldBytes, 96<<20)
	count(&o.Batch, 1000)
	set(&o.MinPoll, 100*time.Millisecond)
	set(&o.MaxPoll, max(time.Second, o.MinPoll))
	set(&o.CallTimeout, 30*time.Second)
	set(&o.MaxBackoff, 10*time.Second)
	set(&o.NoticeAfter, 2*time.Second)
	set(&o.Heartbeat, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
}
