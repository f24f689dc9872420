package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/aictl/aictl/internal/fail"
)

// Redis is a Limiter that several replicas share.
type Redis struct {
	client *redis.Client
	local  *Memory // rates, while Redis does not answer
	now    func() time.Time
	// downUntil is when rates ask Redis again after it did not answer, in
	// nanoseconds since 1970: an outage costs a few calls their wait, not all.
	downUntil atomic.Int64
}

var _ Limiter = (*Redis)(nil)

// redisWithin bounds one question: it is on the path of every call.
const (
	redisWithin = 250 * time.Millisecond
	redisPause  = time.Second // see downUntil
)

// The scripts use Redis's clock for the rate, so that the replicas' clocks
// need not agree.
var (
	// allowScript is the generic cell rate algorithm (ATM Forum, 1996), as
	// redis-cell and redis_rate have it: the key holds the theoretical arrival
	// time. It answers 0, or the microseconds to wait.
	allowScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local step, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = tat + step - room - now
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.0f', tat + step), 'PX', math.ceil((tat + step - now) / 1000) + 1000)
return 0`)
	// reserveScript takes tokens where they are left; it answers 1 or 0.
	reserveScript = redis.NewScript(`
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if taken + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return 0 end
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`)
	// settleScript changes a budget that is still counted; one whose window is
	// long over stays away, rather than come back without an end.
	settleScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('INCRBY', KEYS[1], ARGV[1]) end
return 0`)
)

// NewRedis connects to redis:// or rediss://; it does not wait for an answer.
func NewRedis(url string, now func() time.Time) (*Redis, error) {
	o, err := redis.ParseURL(url)
	if err != nil { // its message would repeat the password
		return nil, fail.New(fail.Usage, "the Redis URL is not valid").Hint("redis://HOST:6379/0")
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = time.Second, redisWithin, redisWithin
	o.MaxRetries, o.ContextTimeoutEnabled = 1, true
	// The library writes to standard error by itself, in no form of ours: what
	// goes wrong is in the errors, and in Ready.
	redis.SetLogger(silent{})
	return &Redis{client: redis.NewClient(o), local: NewMemory(now), now: now}, nil
}

type silent struct{}

// Printf implements the library's logger.
func (silent) Printf(context.Context, string, ...any) {}

// Client is the connection, for the session cache.
func (r *Redis) Client() *redis.Client { return r.client }

// Allow implements Limiter.
func (r *Redis) Allow(ctx context.Context, key string, rps float64, burst int) error {
	if rps <= 0 {
		return nil
	}
	if r.now().UnixNano() < r.downUntil.Load() {
		return r.local.Allow(ctx, key, rps, burst)
	}
	step := 1e6 / rps
	within, cancel := context.WithTimeout(ctx, redisWithin)
	defer cancel()
	wait, err := allowScript.Run(within, r.client, []string{"aictl:rate:" + key}, step, step*float64(max(burst, 1))).Int64()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.downUntil.Store(r.now().Add(redisPause).UnixNano())
		return r.local.Allow(ctx, key, rps, burst)
	case wait > 0:
		return tooFast(time.Duration(wait) * time.Microsecond)
	}
	return nil
}

// Reserve implements Limiter.
func (r *Redis) Reserve(ctx context.Context, key string, tokens, limit int64, window time.Duration) (func(int64), error) {
	if limit <= 0 || window <= 0 {
		return func(int64) {}, nil
	}
	number, end := windowOf(r.now(), window)
	name := fmt.Sprintf("aictl:budget:%s:%d", key, number)
	tokens = max(tokens, 1)
	within, cancel := context.WithTimeout(ctx, redisWithin)
	defer cancel()
	left := end.Sub(r.now())
	// The key outlives its window by an hour, for calls that settle late.
	ok, err := reserveScript.Run(within, r.client, []string{name}, tokens, limit, (left + time.Hour).Milliseconds()).Int64()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fail.Wrap(fail.Unavailable, err, "the token budget cannot be counted: Redis does not answer").Hint("aictl doctor")
	case ok == 0:
		return nil, overBudget(limit, left)
	}
	var once sync.Once
	return func(used int64) {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			// What cannot be settled stays reserved: the budget is never
			// overshot, at worst it is used up early.
			_ = settleScript.Run(ctx, r.client, []string{name}, max(used, 0)-tokens).Err()
		})
	}, nil
}

// Kind implements Limiter.
func (*Redis) Kind() string { return "redis" }

// Ready implements Limiter.
func (r *Redis) Ready(ctx context.Context) error {
	if err := r.client.Ping(ctx).Err(); err != nil {
		return fail.Wrap(fail.Unavailable, err, "Redis does not answer; limits are kept by this server alone").Hint("aictl doctor")
	}
	return nil
}

// Close implements Limiter.
func (r *Redis) Close() error { return r.client.Close() }
