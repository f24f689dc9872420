// Package sessioncache keeps the conversations that replicas of the control
// plane are having in Redis, in front of the store that holds them for good:
// each turn of a conversation then reads Redis, whichever replica it meets.
//
// It promises that the store stays the truth: nothing is acknowledged that the
// store did not take, a reader sees what was acknowledged before it asked, and
// without Redis everything works from the store alone. What it holds ends by
// itself after a while. Titles and messages lie in Redis as they do in the
// store; give Redis a password and TLS where others can reach it.
package sessioncache

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/aictl/aictl/internal/ai/chat"
)

const (
	// keep is how long a conversation stays after it was last read from the
	// store. It bounds how long a reader can be behind when Redis was lost
	// between the two counts of a write (see write).
	keep = 10 * time.Minute
	// keepCount outlives every entry that was made under a count.
	keepCount = 24 * time.Hour
	// within bounds one question to Redis, pause how long it is left alone
	// after it did not answer.
	within = 100 * time.Millisecond
	pause  = time.Second
	// maxBytes bounds an entry; a longer conversation is read from the store.
	maxBytes = 256 << 10
)

// Cache implements chat.Sessions. It is safe for concurrent use.
type Cache struct {
	store  chat.Sessions
	client *redis.Client
	now    func() time.Time
	down   atomic.Int64 // until when Redis is left alone, in Unix nanoseconds
}

var _ chat.Sessions = (*Cache)(nil)

// New puts a cache before a store. The client stays its owner's to close.
func New(store chat.Sessions, client *redis.Client, now func() time.Time) *Cache {
	return &Cache{store: store, client: client, now: now}
}

// entry is a conversation as Redis holds it.
type entry struct {
	Session  chat.Session   `json:"session"`
	Messages []chat.Message `json:"messages"`
}

// Create implements chat.Sessions.
func (c *Cache) Create(ctx context.Context, owner, name, title string) (s chat.Session, err error) {
	err = c.write(ctx, owner, name, func() error {
		s, err = c.store.Create(ctx, owner, name, title)
		return err
	})
	return s, err
}

// Append implements chat.Sessions.
func (c *Cache) Append(ctx context.Context, owner, name string, messages ...chat.Message) error {
	return c.write(ctx, owner, name, func() error { return c.store.Append(ctx, owner, name, messages...) })
}

// Delete implements chat.Sessions.
func (c *Cache) Delete(ctx context.Context, owner, name string) error {
	return c.write(ctx, owner, name, func() error { return c.store.Delete(ctx, owner, name) })
}

// List implements chat.Sessions; it is the store's.
func (c *Cache) List(ctx context.Context, owner string) ([]chat.Session, error) {
	return c.store.List(ctx, owner)
}

// Get implements chat.Sessions.
func (c *Cache) Get(ctx context.Context, owner, name string) (chat.Session, []chat.Message, error) {
	key, ok := c.key(ctx, owner, name)
	if !ok {
		return c.store.Get(ctx, owner, name)
	}
	if e, ok := c.read(ctx, key); ok {
		return e.Session, e.Messages, nil
	}
	session, messages, err := c.store.Get(ctx, owner, name)
	if err != nil {
		return session, messages, err
	}
	if body, err := json.Marshal(entry{session, messages}); err == nil && len(body) <= maxBytes {
		c.ask(ctx, func(ctx context.Context) error { return c.client.Set(ctx, key, body, keep).Err() })
	}
	return session, messages, nil
}

// write changes the store between two counts. An entry's key holds the count
// that was found before the store was read: the first count parts readers from
// what they had, the second from what they read while the change was made.
func (c *Cache) write(ctx context.Context, owner, name string, change func() error) error {
	c.count(ctx, owner, name)
	err := change()
	c.count(context.WithoutCancel(ctx), owner, name) // also after an error: the store may have taken it
	return err
}

func (c *Cache) count(ctx context.Context, owner, name string) {
	c.ask(ctx, func(ctx context.Context) error {
		key := countKey(owner, name)
		_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, key)
			p.Expire(ctx, key, keepCount)
			return nil
		})
		return err
	})
}

// key is where an entry of now would be; false when Redis does not answer.
func (c *Cache) key(ctx context.Context, owner, name string) (string, bool) {
	var n string
	ok := c.ask(ctx, func(ctx context.Context) (err error) {
		n, err = c.client.Get(ctx, countKey(owner, name)).Result()
		return absent(err)
	})
	return "aictl:session:" + strconv.Quote(owner) + ":" + strconv.Quote(name) + ":" + n, ok
}

func countKey(owner, name string) string {
	return "aictl:session-count:" + strconv.Quote(owner) + ":" + strconv.Quote(name)
}

func (c *Cache) read(ctx context.Context, key string) (e entry, found bool) {
	var body []byte
	c.ask(ctx, func(ctx context.Context) (err error) {
		body, err = c.client.Get(ctx, key).Bytes()
		return absent(err)
	})
	return e, len(body) > 0 && json.Unmarshal(body, &e) == nil
}

// ask speaks to Redis for a short while; one that does not answer is left
// alone for a moment, so that a turn costs the wait once.
func (c *Cache) ask(ctx context.Context, f func(context.Context) error) bool {
	now := c.now()
	if now.UnixNano() < c.down.Load() {
		return false
	}
	asked, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := f(asked); err != nil {
		if ctx.Err() == nil { // else it was the caller who left
			c.down.Store(now.Add(pause).UnixNano())
		}
		return false
	}
	return true
}

func absent(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}
