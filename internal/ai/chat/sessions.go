package chat

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Bounds of a kept session.
const (
	MaxSessionName     = 64      // bytes
	MaxSessionMessage  = 1 << 20 // bytes of one message
	MaxSessionMessages = 10_000  // messages of one session
	sessionNameHint    = "use letters, digits, dots and dashes"
)

// Message is one message of a kept conversation.
type Message struct {
	Role string    `json:"role"` // system, user, assistant
	Text string    `json:"text"`
	Time time.Time `json:"time"`
}

// Session is one kept conversation. Name is unique for its Owner.
type Session struct {
	Owner    string
	Name     string
	Title    string
	Messages int // how many
	Created  time.Time
	Updated  time.Time
}

// Sessions keeps conversations. Each method takes the account that asks: the
// session of another account does not exist for it (notfound), so that names
// cannot be probed. Implementations are safe for concurrent use;
// chattest.SessionsConformance holds them to this contract.
type Sessions interface {
	// Create makes an empty session. It is conflict where the owner has one of
	// that name, and usage where CheckSession refuses the name.
	Create(ctx context.Context, owner, name, title string) (Session, error)
	// Get gives the session and its messages, the oldest first.
	Get(ctx context.Context, owner, name string) (Session, []Message, error)
	// Append adds messages in order, all or none, and sets Updated. It is
	// too_large beyond MaxSessionMessages or MaxSessionMessage.
	Append(ctx context.Context, owner, name string, messages ...Message) error
	// List gives the owner's sessions, the last updated first.
	List(ctx context.Context, owner string) ([]Session, error)
	// Delete removes the session and its messages.
	Delete(ctx context.Context, owner, name string) error
}

// NoSession is the error for a session that does not exist, or belongs to
// somebody else.
func NoSession(name string) error {
	return fail.New(fail.NotFound, "there is no session %q", clip(name, MaxSessionName)).Hint("aictl sessions list")
}

// CheckSession reports what is wrong with a session's name.
func CheckSession(name string) error {
	ok := name != "" && len(name) <= MaxSessionName
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || i > 0 && (c == '-' || c == '_' || c == '.')
	}
	if !ok {
		return fail.New(fail.Usage, "session name %q: "+sessionNameHint+", at most %d", clip(name, MaxSessionName), MaxSessionName)
	}
	return nil
}

// CheckAppend reports whether messages may be added to a session of have
// messages.
func CheckAppend(have int, messages []Message) error {
	if have+len(messages) > MaxSessionMessages {
		return fail.New(fail.TooLarge, "the session is full: %d messages at most", MaxSessionMessages).Hint("start another: aictl chat --session NAME")
	}
	for _, m := range messages {
		if len(m.Text) > MaxSessionMessage {
			return fail.New(fail.TooLarge, "a message of %d bytes is too long to keep: %d at most", len(m.Text), MaxSessionMessage)
		}
		switch m.Role {
		case "system", "user", "assistant":
		default:
			return fail.New(fail.Usage, "role %q: want system, user or assistant", clip(m.Role, 32))
		}
	}
	return nil
}

// Trim gives the part of a conversation that fits a budget of tokens (by
// EstimateTokens, four more for each message): every system message and the
// latest others, in order, never starting with an answer whose question is
// cut. The last message is always kept. A budget of 0 or less keeps all.
func Trim(messages []Message, budget int64) []Message {
	if budget <= 0 || len(messages) == 0 {
		return messages
	}
	cost := func(m Message) int64 { return EstimateTokens(m.Text) + 4 }
	last := len(messages) - 1
	left := budget - cost(messages[last])
	for _, m := range messages[:last] {
		if m.Role == "system" {
			left -= cost(m)
		}
	}
	from := last
	for i := last - 1; i >= 0; i-- {
		if messages[i].Role == "system" {
			continue
		}
		if left -= cost(messages[i]); left < 0 {
			break
		}
		from = i
	}
	for from < last && messages[from].Role == "assistant" {
		from++
	}
	out := []Message{}
	for i, m := range messages {
		if i >= from || m.Role == "system" {
			out = append(out, m)
		}
	}
	return out
}
