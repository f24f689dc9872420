package deploy_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
)

// timeline is a file of testdata/timelines: pictures of a workload over time,
// each what the one before it was but for the members named, and what must be
// said of it.
type timeline struct {
	About string           `json:"about"`
	Start map[string]any   `json:"start"`
	Steps []map[string]any `json:"steps"`
	Want  struct {
		Outcome   string  `json:"outcome"`
		Code      string  `json:"code"`
		Decisive  float64 `json:"decisive"` // seconds: when the first event that cannot pass was there
		Reason    string  `json:"reason"`
		Message   string  `json:"message"` // a part
		Replica   string  `json:"replica"`
		Container string  `json:"container"`
		Signal    string  `json:"signal"`
		Exit      *int    `json:"exit"`
		Next      string  `json:"next"`
		Note      string  `json:"note"`
		Logs      bool    `json:"logs"`
		Previous  bool    `json:"previous"`
	} `json:"want"`
}

var timelineStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// frame is a picture and when it is taken.
type frame struct {
	at time.Duration
	s  *deploy.Snapshot
}

func frames(t *testing.T, tl timeline) []frame {
	t.Helper()
	var out []frame
	now := maps.Clone(tl.Start)
	for _, step := range tl.Steps {
		for k, v := range step {
			switch k {
			case "at", "note", "raw":
			case "workload":
				w := maps.Clone(now["workload"].(map[string]any))
				maps.Copy(w, v.(map[string]any))
				now["workload"] = w
			default:
				now[k] = v
			}
		}
		body, err := json.Marshal(now)
		require.NoError(t, err)
		var s deploy.Snapshot
		require.NoError(t, json.Unmarshal(body, &s))
		if raw, ok := step["raw"]; ok {
			now["raw"] = raw
		}
		if now["raw"] != nil {
			s.Raw, err = json.Marshal(now["raw"])
			require.NoError(t, err)
		}
		out = append(out, frame{seconds(step["at"].(float64)), &s})
	}
	return out
}

// play judges every picture when it comes, and whenever a judgement asked to
// be woken. It gives the first verdict that decides.
func play(list []frame, o deploy.JudgeOptions) (v api.DeployVerdict, st deploy.State, at time.Duration) {
	for i, f := range list {
		v, st = deploy.Judge(st, f.s, timelineStart.Add(f.at), o)
		if v.Outcome != api.DeployProgressing {
			return v, st, f.at
		}
		for !st.Wake.IsZero() {
			wake := st.Wake.Sub(timelineStart)
			if i+1 < len(list) && wake >= list[i+1].at {
				break
			}
			if v, st = deploy.Judge(st, f.s, st.Wake, o); v.Outcome != api.DeployProgressing {
				return v, st, wake
			}
			if st.Wake.Sub(timelineStart) <= wake {
				break
			}
		}
	}
	return v, st, 0
}

func timelines(t *testing.T) map[string]timeline {
	t.Helper()
	files, err := filepath.Glob("testdata/timelines/*.json")
	require.NoError(t, err)
	out := map[string]timeline{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		var tl timeline
		require.NoError(t, json.Unmarshal(body, &tl), file)
		out[strings.TrimSuffix(filepath.Base(file), ".json")] = tl
	}
	return out
}

func TestTimelines(t *testing.T) {
	failed, passes := 0, 0
	for name, tl := range timelines(t) {
		if strings.HasPrefix(name, "failed_") {
			failed++
		}
		if strings.HasPrefix(name, "passes_") {
			passes++
		}
		t.Run(name, func(t *testing.T) {
			w := tl.Want
			v, st, at := play(frames(t, tl), deploy.JudgeOptions{})
			require.Equal(t, w.Outcome, v.Outcome, "%s at %s: %+v", tl.About, at, v)
			require.Equal(t, w.Code, v.Code, "%+v", v)
			require.NotEmpty(t, v.Message)
			if w.Outcome == api.DeployFailed {
				require.GreaterOrEqual(t, at, seconds(w.Decisive)-time.Millisecond, "too early: %s", v.Message)
				require.LessOrEqual(t, at, seconds(w.Decisive)+3*time.Second, "too late: %s", v.Message)
				require.NotEmpty(t, v.Next)
				require.Equal(t, w.Logs || w.Code == deploy.CodeCrashLoop && st.Logs || st.Logs, st.Logs)
			}
			if w.Logs {
				require.True(t, st.Logs)
				require.Equal(t, w.Previous, st.Previous)
			}
			require.Contains(t, v.Message, w.Message)
			for want, got := range map[string]string{w.Reason: v.Reason, w.Replica: v.Replica, w.Container: v.Container, w.Next: v.Next} {
				if want != "" {
					require.Equal(t, want, got)
				}
			}
			if w.Exit != nil {
				require.NotNil(t, v.Exit)
				require.Equal(t, *w.Exit, v.Exit.Code)
			}
			if w.Signal != "" {
				require.NotNil(t, v.Exit)
				require.Equal(t, w.Signal, v.Exit.Signal)
			}
			if w.Note != "" {
				require.Contains(t, strings.Join(v.Notes, "\n"), w.Note)
			}
		})
	}
	require.GreaterOrEqual(t, failed, 12)
	require.GreaterOrEqual(t, passes, 6)
}

// TestGrace: a grace of nothing calls every trouble when it is first seen, a
// long one only what outlasts it.
func TestGrace(t *testing.T) {
	all := timelines(t)
	none, long := time.Duration(0), 10*time.Minute
	v, _, at := play(frames(t, all["passes_pull_once"]), deploy.JudgeOptions{Grace: &none})
	require.Equal(t, deploy.CodeImagePull, v.Code)
	require.Equal(t, time.Second, at)
	v, _, at = play(frames(t, all["failed_image_not_found"]), deploy.JudgeOptions{Grace: &long})
	require.Equal(t, deploy.CodeImagePull, v.Code)
	require.Equal(t, seconds(1.2)+long, at)
	v, _ = deploy.Judge(deploy.State{}, frames(t, all["failed_crash_loop"])[3].s, timelineStart.Add(seconds(2.6)), deploy.JudgeOptions{Grace: &long})
	require.Contains(t, strings.Join(v.Notes, "\n"), "it may pass")
	v, _, _ = play(frames(t, all["failed_deadline"]), deploy.JudgeOptions{Grace: &long})
	require.Equal(t, deploy.CodeDeadline, v.Code, "the engine's own deadline is no trouble of ours to tolerate")
}

// TestOnePicture: a judgement without a past takes the engine's times.
func TestOnePicture(t *testing.T) {
	all := timelines(t)
	for name, want := range map[string]string{
		"failed_unschedulable": deploy.CodeUnschedulable, "failed_missing_volume": deploy.CodeConfig, "failed_quota": deploy.CodeQuota,
		"failed_readiness": deploy.CodeProbe, "failed_crash_loop": deploy.CodeCrashLoop,
	} {
		list := frames(t, all[name])
		last := list[len(list)-1]
		v, _ := deploy.Judge(deploy.State{}, last.s, timelineStart.Add(last.at+20*time.Second), deploy.JudgeOptions{})
		require.Equal(t, want, v.Code, "%s: %+v", name, v)
	}
}

func TestSuperseded(t *testing.T) {
	s := frames(t, timelines(t)["failed_deadline"])[0].s
	now := timelineStart
	v, _ := deploy.Judge(deploy.State{}, s, now, deploy.JudgeOptions{Revision: "6"})
	require.Equal(t, deploy.CodeSuperseded, v.Code)
	v, _ = deploy.Judge(deploy.State{}, s, now, deploy.JudgeOptions{Revision: "7"})
	require.Equal(t, deploy.CodeProgressing, v.Code)

	// A picture from before the change says nothing; a later one of another
	// template does.
	o := deploy.JudgeOptions{Template: s.Template.Digest(), Generation: s.Generation}
	before := *s
	before.Generation, before.Observed, before.Template = s.Generation-1, s.Generation-1, deploy.Template{}
	v, st := deploy.Judge(deploy.State{}, &before, now, o)
	require.Equal(t, api.DeployProgressing, v.Outcome)
	v, st = deploy.Judge(st, s, now.Add(time.Second), o)
	require.Equal(t, deploy.CodeProgressing, v.Code)
	after := *s
	after.Generation, after.Observed = s.Generation+1, s.Generation+1
	after.Template = deploy.Template{ServiceAccount: "other"}
	v, _ = deploy.Judge(st, &after, now.Add(2*time.Second), o)
	require.Equal(t, deploy.CodeSuperseded, v.Code)
}

// TestACanaryThatIsTakenBack is a failure for who follows it, whoever's
// template runs then; one that is promoted is not.
func TestACanaryThatIsTakenBack(t *testing.T) {
	s := frames(t, timelines(t)["done_scaled_to_zero"])[0].s
	o := deploy.JudgeOptions{Template: s.Template.Digest()}
	s.Canary = &deploy.CanaryState{Revision: "8", Weight: 10}
	v, st := deploy.Judge(deploy.State{}, s, timelineStart, o)
	require.Equal(t, api.DeployProgressing, v.Outcome)
	s.Canary = nil
	v, _ = deploy.Judge(st, s, timelineStart, o)
	require.Equal(t, api.DeployComplete, v.Outcome)

	s.Template.ServiceAccount = "of another revision"
	s.Events = []deploy.Event{
		{Time: timelineStart, Reason: "CanaryRolledBack", Message: "revision 7: of long ago"},
		{Time: timelineStart, Reason: "CanaryRolledBack", Message: "revision 8: 4 % more errors"},
	}
	v, _ = deploy.Judge(st, s, timelineStart, o)
	require.Equal(t, deploy.CodeCanary, v.Code)
	require.Contains(t, v.Message, "4 % more errors")
	v, _ = deploy.Judge(deploy.State{}, s, timelineStart, deploy.JudgeOptions{})
	require.Equal(t, api.DeployComplete, v.Outcome, "what ended before is no matter")
}

// TestACanaryInTrouble: the engine takes it back by itself, so that an undo
// would undo something else.
func TestACanaryInTrouble(t *testing.T) {
	list := frames(t, timelines(t)["failed_crash_loop"])
	last := list[len(list)-1]
	last.s.Canary = &deploy.CanaryState{Revision: last.s.Workload.Revision, Weight: 10}
	v, _ := deploy.Judge(deploy.State{}, last.s, timelineStart.Add(last.at+20*time.Second), deploy.JudgeOptions{})
	require.Equal(t, deploy.CodeCrashLoop, v.Code)
	require.Equal(t, "aictl deploy logs deployment/web -n shop --previous", v.Next)
}

// moveTimes gives a picture whose times are all later by d.
func moveTimes(t *testing.T, s *deploy.Snapshot, d time.Duration) *deploy.Snapshot {
	t.Helper()
	body, err := json.Marshal(s)
	require.NoError(t, err)
	var doc any
	require.NoError(t, json.Unmarshal(body, &doc))
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k, one := range v {
				v[k] = walk(one)
			}
		case []any:
			for i, one := range v {
				v[i] = walk(one)
			}
		case string:
			if at, err := time.Parse(time.RFC3339, v); err == nil {
				return at.Add(d).Format(time.RFC3339Nano)
			}
		}
		return v
	}
	body, err = json.Marshal(walk(doc))
	require.NoError(t, err)
	var out deploy.Snapshot
	require.NoError(t, json.Unmarshal(body, &out))
	out.Raw = s.Raw
	return &out
}
