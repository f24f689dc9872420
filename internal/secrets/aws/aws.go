// Package aws is the adapter to AWS Secrets Manager, with the vendor's SDK and
// its default chain of credentials.
//
// Versions are AWS's own, named by their IDs. A write on condition is two
// calls: the new version is put beside the current one, and then the label
// AWSCURRENT is moved from the version that was expected, which AWS refuses
// when it is elsewhere. AWS can't delete a single version: revoked here means
// without any label, and such a version is refused by this package; who has
// the right and the version's ID can read it until AWS removes it.
package aws

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// Options choose the account. Empty members are the SDK's own defaults.
type Options struct {
	// Name is that of the store, for messages; empty is "aws".
	Name            string
	Region, Profile string
	// Endpoint replaces AWS's, for tests and private links.
	Endpoint string
	// HTTP replaces the SDK's client.
	HTTP *http.Client
}

// Store implements secrets.Store and secrets.Versioner.
type Store struct {
	api  *secretsmanager.Client
	name string
}

var (
	_ secrets.Store     = (*Store)(nil)
	_ secrets.Versioner = (*Store)(nil)
)

// The labels of Secrets Manager.
const (
	current = "AWSCURRENT"
	pending = "AWSPENDING"
)

// maxSecrets bounds a list.
const maxSecrets = 10_000

// Open reads the SDK's configuration. It sends nothing.
func Open(ctx context.Context, o Options) (*Store, error) {
	var opts []func(*config.LoadOptions) error
	if o.Region != "" {
		opts = append(opts, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(o.Profile))
	}
	if o.HTTP != nil {
		opts = append(opts, config.WithHTTPClient(o.HTTP))
	}
	c, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, fail.New(fail.Usage, "AWS's configuration can't be read: %s", oneLine(err.Error())).Hint("aws configure list")
	}
	if c.Region == "" {
		return nil, fail.New(fail.Usage, "no AWS region is set").Hint("export AWS_REGION=eu-central-1, or set it in the store's configuration")
	}
	s := &Store{name: o.Name}
	if s.name == "" {
		s.name = secrets.KindAWS
	}
	s.api = secretsmanager.NewFromConfig(c, func(so *secretsmanager.Options) {
		if o.Endpoint != "" {
			so.BaseEndpoint = sdk.String(o.Endpoint)
		}
	})
	return s, nil
}

// Kind implements secrets.Store.
func (*Store) Kind() string { return secrets.KindAWS }

// Capabilities implements secrets.Store.
func (*Store) Capabilities() secrets.Capabilities {
	return secrets.Capabilities{Readable: true, Versioned: true, Conditional: true, Rotation: true, Tags: true}
}

var form = regexp.MustCompile(`^[A-Za-z0-9_+=.@-]+(/[A-Za-z0-9_+=.@-]+)*$`)

// Check implements secrets.Store.
func (s *Store) Check(path string) error {
	dots := slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool { return part == "." || part == ".." })
	if len(path) > 512 || dots || !form.MatchString(path) {
		return fail.New(fail.Usage, "that is no name of AWS Secrets Manager: letters, digits and /_+=.@-, 512 at most; no ARN").
			Hint("%s:prod/db", s.name)
	}
	return nil
}

// List implements secrets.Store.
func (s *Store) List(ctx context.Context, prefix string) ([]secrets.Info, error) {
	in := &secretsmanager.ListSecretsInput{MaxResults: sdk.Int32(100)}
	if prefix != "" {
		in.Filters = []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{prefix}}}
	}
	out := []secrets.Info{}
	for pages := secretsmanager.NewListSecretsPaginator(s.api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.explain(ctx, err, "ListSecrets", "")
		}
		for i := range page.SecretList {
			e := &page.SecretList[i]
			if name := sdk.ToString(e.Name); e.DeletedDate == nil && strings.HasPrefix(name, prefix) && s.Check(name) == nil {
				out = append(out, info(&description{
					name: name, created: e.CreatedDate, changed: e.LastChangedDate, rotates: e.RotationEnabled, rotated: e.LastRotatedDate,
					next: e.NextRotationDate, owner: e.OwningService, about: e.Description, tags: e.Tags, stages: e.SecretVersionsToStages,
				}))
			}
		}
		if len(out) > maxSecrets {
			return nil, fail.New(fail.TooLarge, "there are over %d secrets", maxSecrets).Hint("give a longer prefix")
		}
	}
	slices.SortFunc(out, func(a, b secrets.Info) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// description is what both ListSecrets and DescribeSecret tell.
type description struct {
	name                            string
	created, changed, rotated, next *time.Time
	rotates                         *bool
	owner, about                    *string
	tags                            []types.Tag
	stages                          map[string][]string
}

func info(d *description) secrets.Info {
	at := func(t *time.Time) time.Time {
		if t == nil {
			return time.Time{}
		}
		return t.UTC()
	}
	out := secrets.Info{
		Path: d.name, Version: holder(d.stages, current), Created: at(d.created), Updated: at(d.changed), Rotates: sdk.ToBool(d.rotates),
		Rotated: at(d.rotated), NextRotation: at(d.next), Managed: sdk.ToString(d.owner), Note: oneLine(sdk.ToString(d.about)),
	}
	if out.Updated.IsZero() {
		out.Updated = out.Created
	}
	for _, t := range d.tags {
		if out.Tags == nil {
			out.Tags = map[string]string{}
		}
		out.Tags[sdk.ToString(t.Key)] = sdk.ToString(t.Value)
	}
	return out
}

// holder gives the version that has the label.
func holder(stages map[string][]string, label string) string {
	for version, labels := range stages {
		if slices.Contains(labels, label) {
			return version
		}
	}
	return ""
}

// describe gives a secret that is not on its way out.
func (s *Store) describe(ctx context.Context, path string) (*description, error) {
	if err := s.Check(path); err != nil {
		return nil, err
	}
	d, err := s.api.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &path})
	if err != nil {
		return nil, s.explain(ctx, err, "DescribeSecret", path)
	}
	if d.DeletedDate != nil {
		return nil, s.deleted(path, *d.DeletedDate)
	}
	return &description{
		name: path, created: d.CreatedDate, changed: d.LastChangedDate, rotates: d.RotationEnabled, rotated: d.LastRotatedDate, next: d.NextRotationDate,
		owner: d.OwningService, about: d.Description, tags: d.Tags, stages: d.VersionIdsToStages,
	}, nil
}

func (s *Store) deleted(path string, at time.Time) error {
	return fail.New(fail.NotFound, "%s:%s is scheduled for deletion (%s)", s.name, path, at.UTC().Format(time.RFC3339)).
		Hint("aws secretsmanager restore-secret --secret-id %s brings it back", path)
}

// Stat implements secrets.Store.
func (s *Store) Stat(ctx context.Context, path string) (*secrets.Info, error) {
	d, err := s.describe(ctx, path)
	if err != nil {
		return nil, err
	}
	i := info(d)
	return &i, nil
}

// Get implements secrets.Store.
func (s *Store) Get(ctx context.Context, path, version string) (secrets.Value, *secrets.Info, error) {
	d, err := s.describe(ctx, path)
	if err != nil {
		return secrets.Value{}, nil, err
	}
	i := info(d)
	if version == "" {
		version = i.Version
	}
	if version == "" {
		return secrets.Value{}, nil, fail.New(fail.NotFound, "%s:%s has no value yet", s.name, path).Hint("aictl secrets set %s:%s", s.name, path)
	}
	if len(d.stages[version]) == 0 {
		return secrets.Value{}, nil, s.unlabelled(path, version)
	}
	out, err := s.api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &path, VersionId: &version})
	if err != nil {
		return secrets.Value{}, nil, s.explain(ctx, err, "GetSecretValue", path)
	}
	if i.Version = version; out.CreatedDate != nil {
		i.Updated = out.CreatedDate.UTC()
	}
	if out.SecretString != nil {
		return secrets.NewValue([]byte(*out.SecretString)), &i, nil
	}
	return secrets.NewValue(out.SecretBinary), &i, nil
}

func (s *Store) unlabelled(path, version string) error {
	return fail.New(fail.NotFound, "%s:%s has no version %q that is in use: it was revoked, or never was", s.name, path, oneLine(version)).
		Hint("aictl secrets history %s:%s", s.name, path)
}

// body gives the members of a request: text as text, so that the console and
// other programs read it, anything else as bytes.
func body(v secrets.Value) (text *string, raw []byte) {
	if utf8.Valid(v.Bytes()) {
		return sdk.String(string(v.Bytes())), nil
	}
	return nil, v.Bytes()
}

// Put implements secrets.Store.
func (s *Store) Put(ctx context.Context, path string, v secrets.Value, o secrets.PutOptions) (*secrets.Info, error) {
	if err := s.Check(path); err != nil {
		return nil, err
	}
	if v.Len() == 0 {
		return nil, fail.New(fail.Usage, "AWS takes no empty value")
	}
	if v.Len() > secrets.MaxValue {
		return nil, fail.New(fail.TooLarge, "the value is over %d KiB", secrets.MaxValue>>10)
	}
	d, err := s.describe(ctx, path)
	switch {
	case fail.CodeOf(err) == fail.NotFound && o.IfVersion == "" && !o.Staged:
		return s.create(ctx, path, v, o)
	case fail.CodeOf(err) == fail.NotFound && o.IfVersion != "":
		return nil, fail.New(fail.Conflict, "%s:%s is not there any more", s.name, path).Hint("repeat the command")
	case err != nil:
		return nil, err
	case o.IfAbsent:
		return nil, fail.New(fail.Conflict, "%s:%s exists already", s.name, path).Hint("aictl secrets get %s:%s", s.name, path)
	}
	if o.Token != "" && len(d.stages[o.Token]) > 0 {
		return s.again(ctx, d, v, o)
	}
	if o.IfVersion != "" && o.IfVersion != holder(d.stages, current) {
		return nil, s.moved(path)
	}
	if err := s.tag(ctx, path, o.Tags); err != nil {
		return nil, err
	}
	in := &secretsmanager.PutSecretValueInput{SecretId: &path}
	if o.Token != "" {
		in.ClientRequestToken = &o.Token
	}
	if in.SecretString, in.SecretBinary = body(v); o.Staged || o.IfVersion != "" {
		in.VersionStages = []string{pending}
	}
	put, err := s.api.PutSecretValue(ctx, in)
	if err != nil {
		return nil, s.explain(ctx, err, "PutSecretValue", path)
	}
	version := sdk.ToString(put.VersionId)
	if o.IfVersion != "" && !o.Staged {
		if err := s.move(ctx, path, o.IfVersion, version); err != nil {
			return nil, err
		}
	}
	i, err := s.Stat(ctx, path)
	if err == nil {
		i.Version = version
	}
	return i, err
}

// again answers a write whose token has made a version already: the same value
// is that version, and is made current where the write was cut off before.
func (s *Store) again(ctx context.Context, d *description, v secrets.Value, o secrets.PutOptions) (*secrets.Info, error) {
	have, i, err := s.Get(ctx, d.name, o.Token)
	if err != nil {
		return nil, err
	}
	defer have.Close()
	if !have.Equal(v) {
		return nil, fail.New(fail.Conflict, "the token was used for another value of %s:%s", s.name, d.name)
	}
	if now := holder(d.stages, current); !o.Staged && now != o.Token {
		if o.IfVersion != "" && o.IfVersion != now {
			return nil, s.moved(d.name)
		}
		return i, s.move(ctx, d.name, now, o.Token)
	}
	return i, nil
}

func (s *Store) create(ctx context.Context, path string, v secrets.Value, o secrets.PutOptions) (*secrets.Info, error) {
	in := &secretsmanager.CreateSecretInput{Name: &path}
	if o.Token != "" {
		in.ClientRequestToken = &o.Token
	}
	in.SecretString, in.SecretBinary = body(v)
	for k, t := range o.Tags {
		if t != "" {
			in.Tags = append(in.Tags, types.Tag{Key: sdk.String(k), Value: sdk.String(t)})
		}
	}
	out, err := s.api.CreateSecret(ctx, in)
	if err != nil {
		return nil, s.explain(ctx, err, "CreateSecret", path)
	}
	i, err := s.Stat(ctx, path)
	if err == nil {
		i.Version = sdk.ToString(out.VersionId)
	}
	return i, err
}

func (s *Store) tag(ctx context.Context, path string, tags map[string]string) error {
	var add []types.Tag
	var drop []string
	for k, t := range tags {
		if t == "" {
			drop = append(drop, k)
			continue
		}
		add = append(add, types.Tag{Key: sdk.String(k), Value: sdk.String(t)})
	}
	if len(add) > 0 {
		if _, err := s.api.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: &path, Tags: add}); err != nil {
			return s.explain(ctx, err, "TagResource", path)
		}
	}
	if len(drop) > 0 {
		if _, err := s.api.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: &path, TagKeys: drop}); err != nil {
			return s.explain(ctx, err, "UntagResource", path)
		}
	}
	return nil
}

func (s *Store) moved(path string) error {
	return fail.New(fail.Conflict, "%s:%s is at another version by now", s.name, path).Hint("look again, and repeat the command")
}

// move takes the label AWSCURRENT from one version to another. AWS refuses it
// when the first does not have it.
func (s *Store) move(ctx context.Context, path, from, to string) error {
	_, err := s.api.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &path, VersionStage: sdk.String(current), RemoveFromVersionId: &from, MoveToVersionId: &to,
	})
	if isCode(err, "InvalidParameterException") {
		return s.moved(path)
	}
	return s.explain(ctx, err, "UpdateSecretVersionStage", path)
}

// Delete implements secrets.Store.
func (s *Store) Delete(ctx context.Context, path string, o secrets.DeleteOptions) error {
	d, err := s.describe(ctx, path)
	if err != nil {
		return err
	}
	if o.IfVersion != "" && o.IfVersion != holder(d.stages, current) {
		return s.moved(path)
	}
	in := &secretsmanager.DeleteSecretInput{SecretId: &path}
	switch days := int64((o.Recovery + 24*time.Hour - 1) / (24 * time.Hour)); {
	case o.Force && o.Recovery > 0:
		return fail.New(fail.Usage, "a secret is either deleted at once or can be recovered").Hint("give --force or --recovery")
	case o.Force:
		in.ForceDeleteWithoutRecovery = sdk.Bool(true)
	case days != 0 && (days < 7 || days > 30):
		return fail.New(fail.Usage, "AWS keeps a deleted secret for 7 to 30 days").Hint("--recovery 7d")
	case days != 0:
		in.RecoveryWindowInDays = &days
	}
	_, err = s.api.DeleteSecret(ctx, in)
	return s.explain(ctx, err, "DeleteSecret", path)
}

// History implements secrets.Versioner.
func (s *Store) History(ctx context.Context, path string) ([]secrets.Version, error) {
	if err := s.Check(path); err != nil {
		return nil, err
	}
	out := []secrets.Version{}
	in := &secretsmanager.ListSecretVersionIdsInput{SecretId: &path, IncludeDeprecated: sdk.Bool(true)}
	for pages := secretsmanager.NewListSecretVersionIdsPaginator(s.api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.explain(ctx, err, "ListSecretVersionIds", path)
		}
		for _, v := range page.Versions {
			one := secrets.Version{Version: sdk.ToString(v.VersionId), Stages: v.VersionStages, Current: slices.Contains(v.VersionStages, current), Revoked: len(v.VersionStages) == 0}
			if v.CreatedDate != nil {
				one.Created = v.CreatedDate.UTC()
			}
			out = append(out, one)
		}
	}
	// The newest first; of those of one second the current one.
	slices.SortStableFunc(out, func(a, b secrets.Version) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		if a.Current != b.Current {
			if a.Current {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Version, b.Version)
	})
	return out, nil
}

// Promote implements secrets.Versioner.
func (s *Store) Promote(ctx context.Context, path, version string) (*secrets.Info, error) {
	d, err := s.describe(ctx, path)
	if err != nil {
		return nil, err
	}
	now := holder(d.stages, current)
	switch {
	case now == version:
		i := info(d)
		return &i, nil
	case len(d.stages[version]) == 0:
		return nil, s.unlabelled(path, version)
	}
	if err := s.move(ctx, path, now, version); err != nil {
		return nil, err
	}
	return s.Stat(ctx, path)
}

// Revoke implements secrets.Versioner: it takes every label away.
func (s *Store) Revoke(ctx context.Context, path, version string) error {
	d, err := s.describe(ctx, path)
	if err != nil {
		return err
	}
	if holder(d.stages, current) == version {
		return fail.New(fail.Refused, "that version of %s:%s is the current one", s.name, path).Hint("set another value first")
	}
	for _, label := range d.stages[version] {
		_, err := s.api.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{SecretId: &path, VersionStage: &label, RemoveFromVersionId: &version})
		if err != nil {
			return s.explain(ctx, err, "UpdateSecretVersionStage", path)
		}
	}
	return nil
}
