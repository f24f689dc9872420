package where

import "strings"

// Own is a member of api.LogEntry that a field names.
type Own int

// The entry's own members. None says that a field is one of the document.
const (
	None Own = iota
	OwnService
	OwnLevel
	OwnMessage
	OwnTrace
	OwnTime
	OwnID
	OwnSource
)

// Canonical gives the entry's own member that a field names, with its name in
// ECS ("service" is service.name); None for all others.
//
//	service, service.name             service.name
//	level, log.level, severity        log.level
//	message, msg                      message
//	trace, trace.id, trace_id         trace.id
//	time, timestamp, @timestamp       @timestamp
//	id, _id                           the entry's id in the store
//	source, _index                    the index or stream
func Canonical(field string) (Own, string) {
	switch field {
	case "service", "service.name":
		return OwnService, "service.name"
	case "level", "log.level", "severity":
		return OwnLevel, "log.level"
	case "message", "msg":
		return OwnMessage, "message"
	case "trace", "trace.id", "trace_id":
		return OwnTrace, "trace.id"
	case "time", "timestamp", "@timestamp":
		return OwnTime, "@timestamp"
	case "id", "_id":
		return OwnID, "_id"
	case "source", "_index":
		return OwnSource, "_index"
	}
	return None, field
}

// Names lists the fields of a document that a field may mean. The first that
// the document has counts; a value of null is none. Most fields mean
// themselves only. The caller owns the slice.
//
//	http.status   http.status, http.response.status_code, http.status_code
//	http.method   http.method, http.request.method
//	duration      duration, event.duration, duration_ms, duration_seconds
//	user          user.name, user.id, user
//	host          host.name, host.hostname, host
//	error         error.message, error
//	span          span.id, span
//	path, url     url.path, url.original, http.path, and the word itself
func Names(field string) []string {
	switch field {
	case "http.status":
		return []string{"http.status", "http.response.status_code", "http.status_code"}
	case "http.method":
		return []string{"http.method", "http.request.method"}
	case "duration":
		return []string{"duration", "event.duration", "duration_ms", "duration_seconds"}
	case "user":
		return []string{"user.name", "user.id", "user"}
	case "host":
		return []string{"host.name", "host.hostname", "host"}
	case "error":
		return []string{"error.message", "error"}
	case "span":
		return []string{"span.id", "span"}
	case "path", "url":
		return []string{"url.path", "url.original", "http.path", field}
	}
	if own, ecs := Canonical(field); own != None && ecs != field {
		return []string{ecs, field}
	}
	return []string{field}
}

// Scale says what a plain number in a field means when it is compared with a
// duration: how many nanoseconds one of it is.
//
//	…_ns, …_nanos, …_nanoseconds     1
//	…_us, …_micros, …_microseconds   1e3
//	…_ms, …_millis, …_milliseconds   1e6
//	…_s, …_secs, …_seconds           1e9
//	…_minutes                        6e10
//	all others                       1, as event.duration of ECS
//
// A dot or a hyphen counts as the underscore does, and so does the hump of
// durationMs. A text such as "12ms" brings its own unit.
func Scale(field string) float64 {
	unit := field[strings.LastIndexAny(field, "._-")+1:]
	if unit == field {
		unit = ""
	}
	for _, u := range [...]struct {
		hump string
		n    float64
	}{{"Ns", 1}, {"Nanos", 1}, {"Us", 1e3}, {"Micros", 1e3}, {"Ms", 1e6}, {"Millis", 1e6}, {"Secs", 1e9}, {"Seconds", 1e9}} {
		if strings.HasSuffix(field, u.hump) && len(field) > len(u.hump) {
			return u.n
		}
	}
	switch unit {
	case "us", "micros", "microseconds":
		return 1e3
	case "ms", "millis", "milliseconds":
		return 1e6
	case "s", "sec", "secs", "seconds":
		return 1e9
	case "minutes":
		return 60e9
	}
	return 1
}

// LevelRank orders the words of levels: 1 trace, 2 debug, 3 info, 4 warn, 5
// error, 6 fatal, in every spelling that package logs knows (a test holds the
// two together); 0 for other words. level < warn compares by it.
func LevelRank(w string) int {
	if w == "" || len(w) > len("informational") {
		return 0
	}
	var low [len("informational")]byte
	for i := range len(w) {
		c := w[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		low[i] = c
	}
	switch string(low[:len(w)]) {
	case "trace", "trc", "verbose", "silly", "finest", "finer", "t", "10":
		return 1
	case "debug", "dbg", "dbug", "fine", "config", "d", "7", "20":
		return 2
	case "info", "information", "informational", "inf", "notice", "note", "success", "log", "i", "5", "6", "30":
		return 3
	case "warn", "warning", "wrn", "w", "4", "40":
		return 4
	case "error", "err", "eror", "severe", "fail", "failure", "e", "3", "50":
		return 5
	case "fatal", "ftl", "critical", "crit", "crt", "panic", "dpanic", "alert", "emergency", "emerg", "f", "c", "0", "1", "2", "60":
		return 6
	}
	return 0
}

// LevelName is the word of a rank of LevelRank; "" for others.
func LevelName(rank int) string {
	if rank < 1 || rank > 6 {
		return ""
	}
	return [...]string{"trace", "debug", "info", "warn", "error", "fatal"}[rank-1]
}
