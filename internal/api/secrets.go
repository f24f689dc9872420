package api

import (
	"time"

	"github.com/aictl/aictl/internal/op"
)

// Secret describes a secret of any store, without its value.
type Secret struct {
	Ref          string            `json:"ref" jsonschema:"STORE:PATH"`
	Store        string            `json:"store"`
	Kind         string            `json:"kind" jsonschema:"vault, kubernetes, aws or github"`
	Path         string            `json:"path"`
	Version      string            `json:"version,omitempty"`
	Created      time.Time         `json:"created,omitzero"`
	Updated      time.Time         `json:"updated,omitzero" jsonschema:"the last write of the value"`
	By           string            `json:"by,omitempty" jsonschema:"who wrote it last, where that is known"`
	Rotated      time.Time         `json:"rotated,omitzero" jsonschema:"the last rotation, or the last write where the store has no rotations"`
	NextRotation time.Time         `json:"next_rotation,omitzero"`
	MaxAge       op.Duration       `json:"max_age,omitempty" jsonschema:"how old the value may be: of its tag max-age, or of the configuration"`
	Overdue      bool              `json:"overdue" jsonschema:"it should have been rotated by now"`
	Tags         map[string]string `json:"tags,omitempty"`
	Deletion     time.Time         `json:"deletion,omitzero" jsonschema:"when a scheduled deletion takes effect"`
	Managed      string            `json:"managed,omitempty" jsonschema:"what else writes it and would undo a write"`
	Note         string            `json:"note,omitempty"`
	Consumers    []string          `json:"consumers,omitempty" jsonschema:"workloads that refer to it, where they were asked for"`
	Fingerprint  string            `json:"fingerprint,omitempty" jsonschema:"keyed hash of the value; compares within this installation only"`
}

// SecretList is the secrets, and the stores that did not answer.
type SecretList struct {
	Secrets []Secret         `json:"secrets"`
	Failed  []BackendFailure `json:"failed"`
	// Rotations are the IDs of those that did not come to their end.
	Rotations []string `json:"rotations,omitempty" jsonschema:"rotations that were cut off"`
}

// SecretFilter picks secrets.
type SecretFilter struct {
	Prefix    string `json:"prefix,omitempty" arg:"?STORE:PREFIX" complete:"secrets" jsonschema:"only this store, and names that begin so; all stores where absent"`
	Overdue   bool   `json:"overdue,omitempty" jsonschema:"only those that should have been rotated"`
	Consumers bool   `json:"consumers,omitempty" jsonschema:"ask the engines which workloads refer to each"`
}

// SecretGetInput names one secret.
type SecretGetInput struct {
	Ref     string `json:"ref" arg:"REF" complete:"secrets" jsonschema:"STORE:PATH or STORE:PATH#MEMBER; without a store it is the vault"`
	Version string `json:"version,omitempty" complete:"secretversions" jsonschema:"an earlier version"`
	Reveal  bool   `json:"reveal,omitempty" jsonschema:"show the value; this is recorded"`
}

// SecretValue is a secret, with its value where it was asked to be revealed.
type SecretValue struct {
	Secret
	Revealed bool   `json:"revealed"`
	Value    string `json:"value" jsonschema:"***** unless it is revealed"`
	Encoding string `json:"encoding,omitempty" jsonschema:"base64 where the value is no text"`
}

// SecretHistoryInput names one secret.
type SecretHistoryInput struct {
	Ref   string `json:"ref" arg:"REF" complete:"secrets" jsonschema:"STORE:PATH"`
	Limit int    `json:"limit,omitempty" default:"20" jsonschema:"the newest of each, at most"`
}

// SecretVersion is one version that the store keeps.
type SecretVersion struct {
	Version string    `json:"version"`
	Created time.Time `json:"created,omitzero"`
	By      string    `json:"by,omitempty"`
	Current bool      `json:"current"`
	Stages  []string  `json:"stages,omitempty"`
	Revoked bool      `json:"revoked,omitempty"`
}

// SecretWrite is one write through aictl, of the ledger.
type SecretWrite struct {
	Time        time.Time `json:"time"`
	Action      string    `json:"action" jsonschema:"set, sync, rotate, restore or delete"`
	By          string    `json:"by,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Version     string    `json:"version,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
}

// SecretHistory is the versions of the store and the writes of the ledger,
// the newest first.
type SecretHistory struct {
	Ref      string          `json:"ref"`
	Versions []SecretVersion `json:"versions"`
	Writes   []SecretWrite   `json:"writes"`
}

// SecretDiffInput are two secrets, or two folders.
type SecretDiffInput struct {
	Left  string   `json:"left" arg:"LEFT" complete:"secrets" jsonschema:"STORE:PATH, or STORE:FOLDER/"`
	Right string   `json:"right" arg:"RIGHT" complete:"secrets" jsonschema:"STORE:PATH, or STORE:FOLDER/"`
	Map   []string `json:"map,omitempty" jsonschema:"names that differ: LEFT=RIGHT"`
	Names string   `json:"names,omitempty" flag:"prefix" jsonschema:"only names that begin so"`
}

// SecretDifference is one name on both sides.
type SecretDifference struct {
	Name  string `json:"name"`
	Left  string `json:"left,omitempty"`
	Right string `json:"right,omitempty"`
	State string `json:"state" jsonschema:"equal, different, missing-left, missing-right, unknown or changed"`
	// Reason says in one line how it is known.
	Reason       string    `json:"reason"`
	LeftPrint    string    `json:"left_fingerprint,omitempty"`
	RightPrint   string    `json:"right_fingerprint,omitempty"`
	LeftUpdated  time.Time `json:"left_updated,omitzero"`
	RightUpdated time.Time `json:"right_updated,omitzero"`
}

// SecretDiff is what differs.
type SecretDiff struct {
	Left    string             `json:"left"`
	Right   string             `json:"right"`
	Drift   int                `json:"drift" jsonschema:"how many are known to differ"`
	Unknown int                `json:"unknown" jsonschema:"how many nobody can tell"`
	Secrets []SecretDifference `json:"secrets"`
}

// SecretPrintsInput asks for fingerprints under a key of the caller's, so that
// two installations can be compared.
type SecretPrintsInput struct {
	Ref string `json:"ref" arg:"REF" jsonschema:"STORE:PATH, or STORE:FOLDER/"`
	Key []byte `json:"key" secret:"true" jsonschema:"16 bytes or more, made for this one comparison"`
}

// SecretPrint is the fingerprint of one secret; none of one that can't be read.
type SecretPrint struct {
	Name        string    `json:"name" jsonschema:"the path below the folder"`
	Ref         string    `json:"ref"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Updated     time.Time `json:"updated,omitzero"`
}

// SecretSetInput is a value to write. The value is in the body only.
type SecretSetInput struct {
	Ref      string   `json:"ref" arg:"REF" complete:"secrets" jsonschema:"STORE:PATH or STORE:PATH#MEMBER; without a store it is the vault"`
	Value    []byte   `json:"value,omitempty" arg:"?VALUE" secret:"true" jsonschema:"never here: it is asked for, or read from standard input or a file"`
	Generate int      `json:"generate,omitempty" jsonschema:"make a random value of this many characters"`
	Charset  string   `json:"charset,omitempty" enum:"alnum,hex,digits,url,symbols" jsonschema:"what a made value consists of (default alnum)"`
	Tags     []string `json:"tags,omitempty" flag:"tag" jsonschema:"a tag NAME=VALUE; NAME= removes it"`
	New      bool     `json:"new,omitempty" jsonschema:"fail where it exists"`
}

// SecretDeleteInput names a secret to delete.
type SecretDeleteInput struct {
	Ref      string      `json:"ref" arg:"REF" complete:"secrets" jsonschema:"STORE:PATH or STORE:PATH#MEMBER"`
	Recovery op.Duration `json:"recovery,omitempty" jsonschema:"how long it can be brought back, where the store can do that (AWS: 7d to 30d)"`
	Force    bool        `json:"force,omitempty" jsonschema:"at once and for good, where the store would wait"`
}

// SecretSyncInput says what is copied where.
type SecretSyncInput struct {
	From  string   `json:"from" required:"true" complete:"secrets" jsonschema:"STORE:PATH, or STORE:FOLDER/"`
	To    string   `json:"to" required:"true" complete:"secrets" jsonschema:"STORE:PATH, or STORE:FOLDER/"`
	Names string   `json:"names,omitempty" flag:"prefix" jsonschema:"only names that begin so"`
	Map   []string `json:"map,omitempty" jsonschema:"names that differ: FROM=TO"`
	Prune bool     `json:"prune,omitempty" jsonschema:"delete what only the target has"`
}

// SecretSynced is one secret of a sync.
type SecretSynced struct {
	Action string `json:"action" jsonschema:"create, update, delete or skip"`
	From   string `json:"from,omitempty"`
	To     string `json:"to"`
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
}

// SecretSync is what a sync did.
type SecretSync struct {
	Done    int            `json:"done"`
	Failed  int            `json:"failed"`
	Secrets []SecretSynced `json:"secrets"`
}

// SecretRotateInput is a rotation to begin, or one to bring to its end.
type SecretRotateInput struct {
	Ref       string      `json:"ref" arg:"REF" complete:"secrets" jsonschema:"STORE:PATH, in a store that keeps versions"`
	Value     []byte      `json:"value,omitempty" arg:"?VALUE" secret:"true" jsonschema:"never here: it is asked for, or read from standard input or a file"`
	To        []string    `json:"to,omitempty" complete:"secrets" jsonschema:"a copy in another store; repeatable"`
	Generate  int         `json:"generate,omitempty" jsonschema:"make a random value of this many characters"`
	Charset   string      `json:"charset,omitempty" enum:"alnum,hex,digits,url,symbols" jsonschema:"what a made value consists of (default alnum)"`
	Verify    string      `json:"verify,omitempty" jsonschema:"a PromQL expression that must hold afterwards"`
	For       op.Duration `json:"for,omitempty" default:"1m" jsonschema:"how long the expression must hold"`
	KeepOld   bool        `json:"keep_old,omitempty" jsonschema:"leave the old version readable"`
	Overwrite bool        `json:"overwrite,omitempty" jsonschema:"take copies that can't be read and were not written by aictl"`
	Resume    string      `json:"resume,omitempty" jsonschema:"ID of a rotation that was cut off: go on"`
	Abort     string      `json:"abort,omitempty" jsonschema:"ID of a rotation that was cut off: restore the old value"`
	Patience  op.Duration `json:"patience,omitempty" default:"10m" jsonschema:"how long a consumer may take to be replaced"`
}

// SecretRotation is a rotation as the journal has it.
type SecretRotation struct {
	ID        string               `json:"id"`
	Ref       string               `json:"ref"`
	Step      string               `json:"step" jsonschema:"the last step that is done; done and restored are ends"`
	Open      bool                 `json:"open" jsonschema:"it did not come to its end"`
	Old       string               `json:"old" jsonschema:"the old version"`
	New       string               `json:"new,omitempty" jsonschema:"the new version"`
	Targets   []string             `json:"targets"`
	Consumers []string             `json:"consumers"`
	By        string               `json:"by,omitempty"`
	Reason    string               `json:"reason,omitempty"`
	Failure   string               `json:"failure,omitempty"`
	Started   time.Time            `json:"started"`
	Updated   time.Time            `json:"updated"`
	Log       []SecretRotationLine `json:"log"`
}

// SecretRotationLine says what happened when.
type SecretRotationLine struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// SecretRotationFilter picks rotations.
type SecretRotationFilter struct {
	Open bool `json:"open,omitempty" jsonschema:"only those that did not come to their end"`
}
