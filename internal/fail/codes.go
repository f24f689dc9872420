package fail

// Code is the machine-readable kind of a failure. Scripts rely on the names;
// they are never renamed.
type Code string

// The codes. Each has one HTTP status and one exit code in the table below.
const (
	OK           Code = "ok"
	Internal     Code = "internal"     // unexpected: the log has the cause
	Failed       Code = "failed"       // the thing itself failed
	Conflict     Code = "conflict"     // it exists, or changed in between
	Usage        Code = "usage"        // the request itself is wrong
	TooLarge     Code = "too_large"    // the request is over a size limit
	Auth         Code = "auth"         // not signed in
	Forbidden    Code = "forbidden"    // signed in, not allowed
	Partial      Code = "partial"      // some contexts or backends answered
	Canceled     Code = "canceled"     // stopped by the caller
	Version      Code = "version"      // client and server don't fit
	NotFound     Code = "notfound"     // no such thing
	Timeout      Code = "timeout"      // did not answer in time
	Refused      Code = "refused"      // by policy or read-only
	Limited      Code = "limited"      // over a rate, concurrency or budget limit
	False        Code = "false"        // a condition does not hold
	Inconclusive Code = "inconclusive" // data to decide is missing
	Unavailable  Code = "unavailable"  // a backend cannot be reached
)

// Entry is one row of the code table: this table is the documentation of exit
// codes (`aictl help exit-codes` prints it).
type Entry struct {
	Code    Code
	Status  int // HTTP status
	Exit    int // process exit code
	Meaning string
}

var table = [...]Entry{
	{OK, 200, 0, "success"},
	{Internal, 500, 1, "unexpected failure; the server's log has the cause"},
	{Failed, 422, 1, "failure"},
	{Conflict, 409, 1, "it exists already, or changed in between"},
	{Usage, 400, 2, "usage: the request itself is wrong"},
	{TooLarge, 413, 2, "usage: the request is over a size limit"},
	{Auth, 401, 3, "not signed in"},
	{Forbidden, 403, 3, "signed in, but not allowed"},
	{Partial, 207, 4, "partial: some contexts or backends answered"},
	{Canceled, 499, 5, "cancelled"},
	{Version, 426, 6, "version or compatibility"},
	{NotFound, 404, 7, "not found"},
	{Timeout, 504, 8, "timed out"},
	{Refused, 451, 9, "refused by policy or read-only"},
	{Limited, 429, 9, "refused by a rate, concurrency or budget limit; try later"},
	{False, 412, 10, "condition false: gate failed, drift, difference found, rollout failed"},
	{Inconclusive, 424, 11, "inconclusive: data missing"},
	{Unavailable, 503, 12, "backend unreachable"},
}

// Table returns the rows in order of exit code. The caller owns the slice.
func Table() []Entry { return append([]Entry(nil), table[:]...) }

func (c Code) entry() Entry {
	for _, e := range table {
		if e.Code == c {
			return e
		}
	}
	return table[1]
}

// Status is the HTTP status of the code; 500 for an unknown one.
func (c Code) Status() int { return c.entry().Status }

// Exit is the process exit code; 1 for an unknown one.
func (c Code) Exit() int { return c.entry().Exit }

// Err is a bare error of the code, for errors.Is.
func (c Code) Err() error { return &Error{Code: c} }

// FromStatus gives the code of a foreign HTTP status.
func FromStatus(status int) Code {
	switch status {
	case 502:
		return Unavailable
	case 408:
		return Timeout
	case 405, 406, 415:
		return Usage
	}
	for _, e := range table {
		if e.Status == status {
			return e.Code
		}
	}
	switch {
	case status >= 200 && status < 300:
		return OK
	case status >= 400 && status < 500:
		return Failed
	}
	return Internal
}
