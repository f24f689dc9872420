package deploy

import (
	"fmt"
	"strings"
	"time"
)

// What kubelets, schedulers, controllers and registries say, and what it
// means. This is the one place where their messages are read: the engines give
// no better code for these.

// has reports whether all words are in text, whatever their case.
func has(text string, words ...string) bool {
	text = strings.ToLower(text)
	for _, w := range words {
		if !strings.Contains(text, strings.ToLower(w)) {
			return false
		}
	}
	return true
}

func hasAny(text string, words ...string) bool {
	for _, w := range words {
		if has(text, w) {
			return true
		}
	}
	return false
}

// oneLine shortens an engine's message to what fits a line.
func oneLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if cut := []rune(text); len(cut) > most {
		return string(cut[:most]) + "…"
	}
	return text
}

// pullRefused reports whether the registry has answered, and with a no.
func pullRefused(text string) bool {
	return hasAny(text, "not found", "manifest unknown", "repository does not exist", "unauthorized", "authentication required",
		"pull access denied", "denied:", "403 forbidden", "401 unauthorized", "no match for platform", "no matching manifest", "invalid reference format", "name unknown")
}

// pullMayPass reports whether the pull failed on its way.
func pullMayPass(text string) bool {
	return hasAny(text, "i/o timeout", "connection refused", "connection reset", "tls handshake timeout", "toomanyrequests", "429 too many", "500 internal server error",
		"502 bad gateway", "503 service unavailable", "504 gateway", "unexpected eof", "context deadline exceeded", "temporary failure", "server misbehaving", "net/http: request canceled", "qps exceeded")
}

// pullCause is why a pull failed, in a few words.
func pullCause(text string) string {
	switch {
	case hasAny(text, "i/o timeout", "context deadline exceeded", "tls handshake timeout"):
		return "the registry does not answer"
	case hasAny(text, "toomanyrequests", "429 too many"):
		return "the registry limits pulls"
	case hasAny(text, "unauthorized", "authentication required", "pull access denied", "denied:", "403 forbidden"):
		return "the registry refuses: credentials are missing or wrong, or there is no such image"
	case hasAny(text, "no match for platform", "no matching manifest"):
		return "the image is not built for this node's platform"
	case hasAny(text, "not found", "manifest unknown", "repository does not exist", "name unknown"):
		return "the registry has no such image"
	case has(text, "no such host"):
		return "the registry's name is not known"
	case hasAny(text, "connection refused", "connection reset"):
		return "the registry cannot be reached"
	}
	return ""
}

// createMessage judges why a controller could not create a replica.
func createMessage(text string) (code string, patience time.Duration) {
	switch {
	case hasAny(text, "operation cannot be fulfilled", "the object has been modified", "please apply your changes to the latest version"):
		return CodeQuota, patienceRace
	case hasAny(text, "exceeded quota", "failed quota"):
		return CodeQuota, patienceApply
	case has(text, "serviceaccount", "not found"), has(text, "no priorityclass"), has(text, "runtimeclass", "not found"):
		return CodeConfig, patienceApply
	case has(text, "failed calling webhook"), has(text, "failed to call webhook"):
		return CodeAdmission, patienceRace
	case hasAny(text, "denied the request", "denied request", "violates podsecurity", "is forbidden", "is invalid", "unable to validate against any security context constraint"):
		return CodeAdmission, atOnce
	}
	return "", never
}

// creationFresh is how long an event about a replica that could not be created
// speaks of the present: controllers try again with delays of a minute and
// more, and say it each time.
const creationFresh = 90 * time.Second

// creation finds why replicas are not even created.
func creation(s *Snapshot, now time.Time) []trouble {
	have := 0
	leaving := false
	for _, r := range s.Replicas {
		leaving = leaving || r.Deleting
		if r.Current && !r.Deleting && !gone(r) {
			have++
		}
	}
	if have >= s.Workload.Desired {
		return nil
	}
	because := func(reason, detail string, at time.Time, e *Event) (trouble, bool) {
		code, patience := createMessage(detail)
		if code == CodeQuota && leaving { // what goes gives back what it had
			patience = max(patience, patienceRace)
		}
		what := map[string]string{
			CodeQuota: "the quota leaves no room for its replicas", CodeAdmission: "admission refuses its replicas", CodeConfig: "its replicas refer to what does not exist",
		}[code]
		if what == "" {
			what = "its replicas cannot be created"
		}
		return trouble{code: code, reason: reason, detail: detail, at: at, patience: patience, event: e, message: fmt.Sprintf("%s: %s", what, oneLine(detail))}, detail != ""
	}
	said := false
	for _, c := range s.Conditions {
		failure := c.Type == "ReplicaFailure" && c.Status == "True" ||
			c.Type == "Progressing" && c.Status == "False" && c.Reason == "ReplicaSetCreateError"
		if !failure {
			continue
		}
		said = true
		if t, ok := because(c.Reason, c.Message, c.Since, nil); ok {
			return []trouble{t}
		}
	}
	if s.Workload.Kind == Deployment && !said && len(s.Conditions) > 0 {
		return nil // a Deployment's conditions say it while it lasts
	}
	for i := len(s.Events) - 1; i >= 0; i-- {
		e := s.Events[i]
		if e.Reason != "FailedCreate" && e.Reason != "ReplicaSetCreateError" || now.Sub(e.Time) > creationFresh || e.Time.Before(s.Workload.Changed.Add(-5*time.Second)) {
			continue
		}
		if t, ok := because(e.Reason, e.Message, first(e), &e); ok {
			return []trouble{t}
		}
	}
	return nil
}
