package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// The states of an incident.
const (
	IncidentOpen   = "open"
	IncidentClosed = "closed"
)

// IncidentSubject is what an incident is about.
type IncidentSubject struct {
	Name string `json:"name" jsonschema:"an alert's name or fingerprint, or a service, as it was given"`
	// Why is what is thought of the cause; absent where it could not be asked.
	Why *Why `json:"why,omitempty"`
}

// IncidentImpact is one number of what an incident did, with what gives it.
type IncidentImpact struct {
	ID      string     `json:"id"`
	Service string     `json:"service,omitempty"`
	Name    string     `json:"name" jsonschema:"calls, failed, share, over_threshold or budget_used"`
	Value   *op.Number `json:"value,omitempty" jsonschema:"absent where there is no data"`
	Unit    string     `json:"unit" jsonschema:"calls, ratio or minutes"`
	Expr    string     `json:"expr" jsonschema:"the expression that gives it"`
	From    time.Time  `json:"from"`
	To      time.Time  `json:"to" jsonschema:"the moment at which the expression is evaluated"`
	Gap     string     `json:"gap,omitempty" jsonschema:"why there is no number"`
	Show    string     `json:"show" jsonschema:"the command that shows it again"`
}

// IncidentMoment is one moment of how an incident went, with its evidence.
type IncidentMoment struct {
	Time     *time.Time `json:"time,omitempty" jsonschema:"absent where nothing says when"`
	Evidence string     `json:"evidence,omitempty" jsonschema:"the id of what says so"`
	Text     string     `json:"text,omitempty"`
}

// IncidentDetection is how an incident was found and ended.
type IncidentDetection struct {
	Onset      IncidentMoment `json:"onset"`
	Alert      IncidentMoment `json:"alert"`
	Ack        IncidentMoment `json:"ack"`
	Mitigation IncidentMoment `json:"mitigation"`
	Recovery   IncidentMoment `json:"recovery"`
	// The times from the onset to the alert, from the alert to the
	// acknowledgement, from the onset to the mitigation, from it to recovery.
	TTD *op.Duration `json:"ttd,omitempty" jsonschema:"time to detect: onset to alert"`
	TTA *op.Duration `json:"tta,omitempty" jsonschema:"time to acknowledge: alert to acknowledgement"`
	TTM *op.Duration `json:"ttm,omitempty" jsonschema:"time to mitigate: onset to mitigation"`
	TTR *op.Duration `json:"ttr,omitempty" jsonschema:"time to recover: onset to recovery"`
}

// IncidentNote is the operator's own words.
type IncidentNote struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	By   string    `json:"by"`
	Text string    `json:"text"`
}

// Incident is everything that was gathered about one incident.
type Incident struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	State string `json:"state" jsonschema:"open or closed"`
	// Owner has it: who took the alert over, otherwise who opened the incident.
	Owner     string            `json:"owner"`
	OpenedBy  string            `json:"opened_by"`
	Opened    time.Time         `json:"opened"`
	ClosedBy  string            `json:"closed_by,omitempty"`
	Closed    *time.Time        `json:"closed,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Subjects  []IncidentSubject `json:"subjects"`
	// From and To are the window that was looked at; To moves with every
	// gathering until the incident is closed.
	From      time.Time         `json:"from"`
	To        time.Time         `json:"to"`
	Impact    []IncidentImpact  `json:"impact"`
	Detection IncidentDetection `json:"detection"`
	Timeline  Timeline          `json:"timeline"`
	Notes     []IncidentNote    `json:"notes"`
	Runs      []RunbookRun      `json:"runs" jsonschema:"the transcripts of runbooks"`
	// Unknown names what could not be asked: its part is unknown, not healthy.
	Unknown  []BackendFailure `json:"unknown"`
	Warnings []string         `json:"warnings"`
	Serial   int64            `json:"serial" jsonschema:"grows with every change"`
}

// IncidentSummary is one line of a list.
type IncidentSummary struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	State    string     `json:"state"`
	Owner    string     `json:"owner"`
	Subjects []string   `json:"subjects"`
	Opened   time.Time  `json:"opened"`
	Closed   *time.Time `json:"closed,omitempty"`
	Verdict  string     `json:"verdict,omitempty" jsonschema:"of the first subject"`
	Notes    int        `json:"notes"`
	Runs     int        `json:"runs"`
}

// IncidentOpenInput opens an incident.
type IncidentOpenInput struct {
	Subjects  []string  `json:"subjects" arg:"ALERT|SERVICE..." complete:"alerts,services" jsonschema:"alerts by name or fingerprint, services by name"`
	Title     string    `json:"title,omitempty" jsonschema:"what people call it; made of the subjects where absent"`
	Namespace string    `json:"namespace,omitempty" flag:"-" jsonschema:"the namespace"`
	From      time.Time `json:"from,omitzero" flag:"-" jsonschema:"look back to here; an hour before where absent"`
}

// IncidentFilter picks incidents.
type IncidentFilter struct {
	State string `json:"state,omitempty" enum:"open,closed,all" default:"all" jsonschema:"only those in this state"`
	Limit int    `json:"limit,omitempty" default:"50" jsonschema:"the latest so many"`
}

// IncidentName names one incident.
type IncidentName struct {
	ID string `json:"id" arg:"ID" complete:"incidents" jsonschema:"the incident, or the beginning of its id"`
}

// IncidentEvidenceInput names one piece of evidence.
type IncidentEvidenceInput struct {
	ID       string `json:"id" arg:"ID" complete:"incidents" jsonschema:"the incident, or the beginning of its id"`
	Evidence string `json:"evidence" arg:"EVIDENCE" jsonschema:"the id of the evidence"`
}

// IncidentNoteInput adds the operator's own words.
type IncidentNoteInput struct {
	ID   string `json:"id" arg:"ID" complete:"incidents" jsonschema:"the incident, or the beginning of its id"`
	Text string `json:"text" arg:"TEXT" jsonschema:"what you saw or did"`
}

// IncidentRunInput adds the transcript of a runbook.
type IncidentRunInput struct {
	ID  string     `json:"id" arg:"ID" complete:"incidents" jsonschema:"the incident, or the beginning of its id"`
	Run RunbookRun `json:"run" flag:"-" jsonschema:"the transcript"`
}

// IncidentReportInput asks for the draft of a post-mortem.
type IncidentReportInput struct {
	ID string `json:"id" arg:"ID" complete:"incidents" jsonschema:"the incident, or the beginning of its id"`
	// To gathers anew as of this moment, for the report alone.
	To        time.Time `json:"to,omitzero" flag:"-" jsonschema:"as things were known of this moment; as they were gathered where absent"`
	Narrative bool      `json:"narrative,omitempty" jsonschema:"add a narrative by the configured model; sentences that no evidence holds are dropped"`
}

// IncidentNarrative is a model's text after the verifier.
type IncidentNarrative struct {
	Text    string   `json:"text"`
	Kept    int      `json:"kept" jsonschema:"sentences that the evidence holds"`
	Dropped int      `json:"dropped" jsonschema:"sentences with a number or a name that no evidence holds"`
	Reasons []string `json:"reasons" jsonschema:"what was not held, for each dropped sentence"`
}

// IncidentReport is the draft of a post-mortem.
type IncidentReport struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	State    string    `json:"state"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Markdown string    `json:"markdown"`
	// Evidence are the ids that the text names; each resolves by
	// `aictl incident evidence`.
	Evidence  []string           `json:"evidence"`
	Impact    []IncidentImpact   `json:"impact"`
	Detection IncidentDetection  `json:"detection"`
	Gaps      []string           `json:"gaps" jsonschema:"what could not be known, and why"`
	Narrative *IncidentNarrative `json:"narrative,omitempty"`
}

// IncidentFile is one file of an export.
type IncidentFile struct {
	Name string `json:"name"`
	Body string `json:"body"`
}

// IncidentExported is an incident as files.
type IncidentExported struct {
	ID    string         `json:"id"`
	Files []IncidentFile `json:"files"`
}

// The operations of incidents.
var (
	IncidentsOpen = &op.Change[IncidentOpenInput, Incident]{Spec: op.Spec{
		ID: "incident.open", Route: "POST /api/v1/incidents", Effect: op.Write,
		Summary: "Open an incident and gather what is known about its alerts and services",
		Doc: "What is gathered: why for each subject, the timeline, the impact in numbers, who has it. What could not\n" +
			"be asked is named as unknown. The incident is kept by the control plane, or in the state directory of\n" +
			"the person where the context has none.",
		Errors: []fail.Code{fail.NotFound, fail.Conflict},
		Examples: []op.Example{
			{Command: "aictl incident open ServiceErrorsHigh --yes", Note: "about an alert"},
			{Command: "aictl incident open mask chat --title 'masking fails' --since 3h --yes", Note: "about two services, three hours back"},
		},
	}}
	IncidentsList = &op.Query[IncidentFilter, []IncidentSummary]{Spec: op.Spec{
		ID: "incident.list", Route: "GET /api/v1/incidents", Effect: op.Read, Idempotent: true,
		Summary: "List the incidents, the latest first",
		Examples: []op.Example{
			{Command: "aictl incident list", Note: "all of them"},
			{Command: "aictl incident list --state open -o json --jq '.[].id'", Note: "the ids of the open ones"},
		},
	}}
	IncidentsShow = &op.Query[IncidentName, Incident]{Spec: op.Spec{
		ID: "incident.show", Route: "GET /api/v1/incidents/{id}", Effect: op.Read, Idempotent: true,
		Summary: "Show what was gathered about an incident",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl incident show latest", Note: "the one that was opened last"},
			{Command: "aictl incident show latest -o json --jq '.impact'", Note: "its impact in numbers"},
		},
	}}
	IncidentsEvidence = &op.Query[IncidentEvidenceInput, Fact]{Spec: op.Spec{
		ID: "incident.evidence", Route: "GET /api/v1/incidents/{id}/evidence/{evidence}", Effect: op.Read, Idempotent: true,
		Summary: "Show one piece of an incident's evidence and the command that shows it again",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl incident evidence latest note-1", Note: "what a report names by its id"},
			{Command: "aictl incident evidence latest note-1 -o json --jq '.show'", Note: "the command alone"},
		},
	}}
	IncidentsRefresh = &op.Change[IncidentName, Incident]{Spec: op.Spec{
		ID: "incident.refresh", Route: "POST /api/v1/incidents/{id}/refresh", Effect: op.Write,
		Summary: "Gather again what is known about an open incident",
		Errors:  []fail.Code{fail.NotFound, fail.Conflict},
		Examples: []op.Example{
			{Command: "aictl incident refresh latest --yes", Note: "up to now"},
			{Command: "aictl incident refresh latest --dry-run=server", Note: "what would be asked"},
		},
	}}
	IncidentsNote = &op.Change[IncidentNoteInput, Incident]{Spec: op.Spec{
		ID: "incident.note", Route: "POST /api/v1/incidents/{id}/notes", Effect: op.Write,
		Summary: "Add your own words to an incident",
		Errors:  []fail.Code{fail.NotFound, fail.Conflict},
		Examples: []op.Example{
			{Command: "aictl incident note latest 'the upstream says it is theirs' --yes", Note: "a note with your name and the time"},
			{Command: "aictl incident note latest 'asked the network team' --dry-run=server", Note: "what it would add"},
		},
	}}
	IncidentsAttach = &op.Change[IncidentRunInput, Incident]{Spec: op.Spec{
		ID: "incident.attach", Route: "POST /api/v1/incidents/{id}/runs", Effect: op.Write, Command: "-",
		Summary: "Add the transcript of a runbook to an incident",
		Errors:  []fail.Code{fail.NotFound, fail.Conflict},
		Examples: []op.Example{
			{Command: "aictl runbook run ServiceErrorsHigh --incident latest", Note: "the transcript goes into the incident"},
			{Command: "aictl runbook run ServiceErrorsHigh --incident latest --dry-run=client", Note: "what would be run"},
		},
	}}
	IncidentsClose = &op.Change[IncidentName, Incident]{Spec: op.Spec{
		ID: "incident.close", Route: "POST /api/v1/incidents/{id}/close", Effect: op.Write,
		Summary: "Close an incident: gather for the last time, then change nothing more",
		Errors:  []fail.Code{fail.NotFound, fail.Conflict},
		Examples: []op.Example{
			{Command: "aictl incident close latest --yes", Note: "its report stays the same from now on"},
			{Command: "aictl incident close latest --dry-run=server", Note: "what would be done"},
		},
	}}
	IncidentsReport = &op.Query[IncidentReportInput, IncidentReport]{Spec: op.Spec{
		ID: "incident.report", Route: "GET /api/v1/incidents/{id}/report", Effect: op.Read, Idempotent: true,
		Summary: "Write the draft of a blameless post-mortem from facts alone",
		Doc: "Markdown; -o json has the parts. Equal evidence gives the same bytes: the report of a closed incident\n" +
			"never changes. Every id in it resolves with `aictl incident evidence`. What could not be known is a\n" +
			"section of its own. --narrative adds text by the configured model after checking every sentence.",
		Errors: []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl incident report latest > report.md", Note: "the draft"},
			{Command: "aictl incident report latest -o json --jq '.gaps'", Note: "what could not be known"},
		},
	}}
	IncidentsExport = &op.Query[IncidentName, IncidentExported]{Spec: op.Spec{
		ID: "incident.export", Route: "GET /api/v1/incidents/{id}/export", Effect: op.Read, Idempotent: true,
		Summary: "Write an incident with its report, timeline and evidence as files",
		Doc:     "--to names a directory, or a file that ends in .zip or .tar; without it the files are printed as JSON.",
		Errors:  []fail.Code{fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl incident export latest --to incident.zip", Note: "one file to send"},
			{Command: "aictl incident export latest -o json --jq '.files[].name'", Note: "what would be in it"},
		},
	}}
)
