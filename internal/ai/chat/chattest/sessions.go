package chattest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/fail"
)

type sessionKey struct{ owner, name string }

type kept struct {
	session  chat.Session
	messages []chat.Message
	order    int64
}

// Memory keeps sessions in memory. The zero value is ready.
type Memory struct {
	// Now is the clock; time.Now where nil.
	Now func() time.Time

	mu    sync.Mutex
	byKey map[sessionKey]*kept // guarded by mu
	order int64                // guarded by mu: breaks ties of Updated
}

var _ chat.Sessions = (*Memory)(nil)

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}

// Create implements chat.Sessions.
func (m *Memory) Create(_ context.Context, owner, name, title string) (chat.Session, error) {
	if err := chat.CheckSession(name); err != nil {
		return chat.Session{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byKey == nil {
		m.byKey = map[sessionKey]*kept{}
	}
	if m.byKey[sessionKey{owner, name}] != nil {
		return chat.Session{}, fail.New(fail.Conflict, "there is a session %q already", name).Hint("aictl sessions list")
	}
	m.order++
	k := &kept{order: m.order, session: chat.Session{Owner: owner, Name: name, Title: title, Created: m.now(), Updated: m.now()}}
	m.byKey[sessionKey{owner, name}] = k
	return k.session, nil
}

// Get implements chat.Sessions.
func (m *Memory) Get(_ context.Context, owner, name string) (chat.Session, []chat.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.byKey[sessionKey{owner, name}]
	if k == nil {
		return chat.Session{}, nil, chat.NoSession(name)
	}
	return k.session, slices.Clone(k.messages), nil
}

// Append implements chat.Sessions.
func (m *Memory) Append(_ context.Context, owner, name string, messages ...chat.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.byKey[sessionKey{owner, name}]
	if k == nil {
		return chat.NoSession(name)
	}
	if err := chat.CheckAppend(len(k.messages), messages); err != nil {
		return err
	}
	m.order++
	k.messages = append(k.messages, messages...)
	k.session.Messages, k.session.Updated, k.order = len(k.messages), m.now(), m.order
	return nil
}

// List implements chat.Sessions.
func (m *Memory) List(_ context.Context, owner string) ([]chat.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mine := []*kept{}
	for k, v := range m.byKey {
		if k.owner == owner {
			mine = append(mine, v)
		}
	}
	slices.SortFunc(mine, func(a, b *kept) int { return int(b.order - a.order) })
	out := []chat.Session{}
	for _, k := range mine {
		out = append(out, k.session)
	}
	return out, nil
}

// Delete implements chat.Sessions.
func (m *Memory) Delete(_ context.Context, owner, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byKey[sessionKey{owner, name}] == nil {
		return chat.NoSession(name)
	}
	delete(m.byKey, sessionKey{owner, name})
	return nil
}

// SessionsConformance holds a store of sessions to chat.Sessions' contract.
// open gives an empty store.
func SessionsConformance(t *testing.T, open func(t *testing.T) chat.Sessions) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ask := chat.Message{Role: "user", Text: "what is running?\n\x1b[31m", Time: at}
	say := chat.Message{Role: "assistant", Text: "chat, predict ✓", Time: at.Add(time.Second)}

	t.Run("keeps messages in order", func(t *testing.T) {
		s := open(t)
		made, err := s.Create(t.Context(), "ann", "night", "what is running?")
		require.NoError(t, err)
		require.Equal(t, "night", made.Name)
		require.False(t, made.Created.IsZero())
		require.NoError(t, s.Append(t.Context(), "ann", "night", ask, say))
		require.NoError(t, s.Append(t.Context(), "ann", "night", ask))
		got, messages, err := s.Get(t.Context(), "ann", "night")
		require.NoError(t, err)
		require.Equal(t, "what is running?", got.Title)
		require.Equal(t, 3, got.Messages)
		require.Len(t, messages, 3)
		for i, want := range []chat.Message{ask, say, ask} {
			require.Equal(t, want.Role, messages[i].Role)
			require.Equal(t, want.Text, messages[i].Text)
			require.True(t, want.Time.Equal(messages[i].Time), "time of message %d", i)
		}
	})
	t.Run("another account's session does not exist", func(t *testing.T) {
		s := open(t)
		_, err := s.Create(t.Context(), "ann", "night", "")
		require.NoError(t, err)
		_, _, err = s.Get(t.Context(), "bob", "night")
		require.ErrorIs(t, err, fail.NotFound.Err())
		require.ErrorIs(t, s.Append(t.Context(), "bob", "night", ask), fail.NotFound.Err())
		require.ErrorIs(t, s.Delete(t.Context(), "bob", "night"), fail.NotFound.Err())
		list, err := s.List(t.Context(), "bob")
		require.NoError(t, err)
		require.Empty(t, list)
		_, err = s.Create(t.Context(), "bob", "night", "") // the same name is free
		require.NoError(t, err)
	})
	t.Run("a name is taken once", func(t *testing.T) {
		s := open(t)
		_, err := s.Create(t.Context(), "ann", "night", "")
		require.NoError(t, err)
		_, err = s.Create(t.Context(), "ann", "night", "")
		require.ErrorIs(t, err, fail.Conflict.Err())
	})
	t.Run("bad names, roles and sizes", func(t *testing.T) {
		s := open(t)
		for _, name := range []string{"", "../x", "a b", "-x", strings.Repeat("a", chat.MaxSessionName+1)} {
			_, err := s.Create(t.Context(), "ann", name, "")
			require.ErrorIs(t, err, fail.Usage.Err(), "%q", name)
		}
		_, err := s.Create(t.Context(), "ann", "night", "")
		require.NoError(t, err)
		big := chat.Message{Role: "user", Text: strings.Repeat("x", chat.MaxSessionMessage+1), Time: at}
		require.ErrorIs(t, s.Append(t.Context(), "ann", "night", ask, big), fail.TooLarge.Err())
		require.ErrorIs(t, s.Append(t.Context(), "ann", "night", chat.Message{Role: "root", Time: at}), fail.Usage.Err())
		_, messages, err := s.Get(t.Context(), "ann", "night")
		require.NoError(t, err)
		require.Empty(t, messages, "all or none")
	})
	t.Run("lists the last updated first, deletes", func(t *testing.T) {
		s := open(t)
		for _, name := range []string{"a", "b"} {
			_, err := s.Create(t.Context(), "ann", name, "")
			require.NoError(t, err)
		}
		require.NoError(t, s.Append(t.Context(), "ann", "b", ask))
		require.NoError(t, s.Append(t.Context(), "ann", "a", ask))
		list, err := s.List(t.Context(), "ann")
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, "a", list[0].Name)
		require.NoError(t, s.Delete(t.Context(), "ann", "a"))
		require.ErrorIs(t, s.Delete(t.Context(), "ann", "a"), fail.NotFound.Err())
		_, _, err = s.Get(t.Context(), "ann", "a")
		require.ErrorIs(t, err, fail.NotFound.Err())
	})
	t.Run("concurrent appends are all kept", func(t *testing.T) {
		s := open(t)
		_, err := s.Create(t.Context(), "ann", "night", "")
		require.NoError(t, err)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { errs[i] = s.Append(t.Context(), "ann", "night", ask, say) })
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		_, messages, err := s.Get(t.Context(), "ann", "night")
		require.NoError(t, err)
		require.Len(t, messages, 16)
		for i := 0; i < len(messages); i += 2 {
			require.Equal(t, "user", messages[i].Role, "a turn is not torn")
		}
	})
}
