package fail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTableIsOneToOne(t *testing.T) {
	codes, statuses := map[Code]bool{}, map[int]bool{}
	for _, e := range Table() {
		require.False(t, codes[e.Code], "code %s twice", e.Code)
		require.False(t, statuses[e.Status], "status %d twice", e.Status)
		codes[e.Code], statuses[e.Status] = true, true
		require.Equal(t, e.Code, FromStatus(e.Status))
		require.NotEmpty(t, e.Meaning)
	}
}

func TestCodeOf(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want Code
	}{
		{"nil", nil, OK},
		{"ours", New(NotFound, "no x"), NotFound},
		{"wrapped", fmt.Errorf("reading: %w", New(NotFound, "no x")), NotFound},
		{"canceled", fmt.Errorf("x: %w", context.Canceled), Canceled},
		{"deadline", context.DeadlineExceeded, Timeout},
		{"foreign", errors.New("boom"), Internal},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, CodeOf(c.err)) })
	}
	require.ErrorIs(t, fmt.Errorf("w: %w", New(Timeout, "slow")), Timeout.Err())
}

func TestRoundTripOverHTTP(t *testing.T) {
	in := Wrap(Unavailable, errors.New("dial tcp: refused"), "asking prometheus").Hint("aictl doctor")
	rec := httptest.NewRecorder()
	WriteProblem(rec, in)
	require.Equal(t, 503, rec.Code)
	var d Document
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &d))
	out := FromDocument(d)
	require.Equal(t, in.Code, out.Code)
	require.Equal(t, in.Error(), out.Error())
	require.Equal(t, "aictl doctor", out.Next)
	require.Equal(t, []string{"dial tcp: refused"}, Causes(out))
}

func TestInternalDetailsStayInside(t *testing.T) {
	rec := httptest.NewRecorder()
	WriteProblem(rec, From(errors.New("token abc leaked")).WithRequest("r-1"))
	require.NotContains(t, rec.Body.String(), "abc")
	require.Contains(t, rec.Body.String(), "r-1")
}

func TestFromKeepsWrappingContext(t *testing.T) {
	e := From(fmt.Errorf("listing services: %w", New(Auth, "no token").Hint("aictl login")))
	require.Equal(t, Auth, e.Code)
	require.Equal(t, "listing services: no token", e.Message)
	require.Equal(t, "aictl login", e.Next)
}
