//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"
)

// iam are the users of moto's account and what they may do. moto holds every
// request to their policies, as AWS does, from enforce on.
type iam struct {
	url   string
	admin sdk.Credentials
}

// newIAM makes an administrator, and turns the policies on.
func newIAM(t *testing.T, url string) *iam {
	t.Helper()
	i := &iam{url: url, admin: sdk.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}}
	i.admin = i.user(t, "root", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	i.enforce(t, "0")
	t.Cleanup(func() { i.enforce(t, "inf") })
	return i
}

// enforce says after how many further requests the policies hold.
func (i *iam) enforce(t *testing.T, after string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, i.url+"/moto-api/reset-auth", strings.NewReader(after))
	require.NoError(t, err)
	i.do(t, req)
}

// frontOfMoto passes everything on as it is, signatures too, and spells moto's
// refusals as Secrets Manager's: the policy is moto's to judge, but it answers
// in IAM's XML where this API has JSON, which the SDK can't read.
func frontOfMoto(t *testing.T, moto string) string {
	t.Helper()
	to, err := url.Parse(moto)
	require.NoError(t, err)
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is signed
		},
		ModifyResponse: func(res *http.Response) error {
			if res.StatusCode != http.StatusForbidden {
				return nil
			}
			var refused struct {
				Code string `xml:"Errors>Error>Code"`
			}
			err := xml.NewDecoder(res.Body).Decode(&refused)
			if err = errors.Join(err, res.Body.Close()); err != nil {
				return err
			}
			body := fmt.Sprintf(`{"__type":"%sException","Message":"as the policy says"}`, refused.Code)
			res.StatusCode, res.Body, res.ContentLength = http.StatusBadRequest, io.NopCloser(strings.NewReader(body)), int64(len(body))
			res.Header = http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "Content-Length": {fmt.Sprint(len(body))}}
			return nil
		},
	})
	t.Cleanup(front.Close)
	return front.URL
}

// user makes a user with a policy and an access key.
func (i *iam) user(t *testing.T, name, policy string) sdk.Credentials {
	t.Helper()
	i.call(t, url.Values{"Action": {"CreateUser"}, "UserName": {name}})
	i.allow(t, name, "may", policy)
	var key struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	require.NoError(t, xml.Unmarshal(i.call(t, url.Values{"Action": {"CreateAccessKey"}, "UserName": {name}}), &key))
	require.NotEmpty(t, key.Secret)
	return sdk.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
}

// allow gives the user a policy under a name, in place of the one that had it.
func (i *iam) allow(t *testing.T, user, name, policy string) {
	t.Helper()
	i.call(t, url.Values{"Action": {"PutUserPolicy"}, "UserName": {user}, "PolicyName": {name}, "PolicyDocument": {policy}})
}

// call is a request of IAM's query API, signed by AWS's own code.
func (i *iam) call(t *testing.T, form url.Values) []byte {
	t.Helper()
	form.Set("Version", "2010-05-08")
	body := form.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256([]byte(body))
	require.NoError(t, signer.NewSigner().SignHTTP(t.Context(), i.admin, req, hex.EncodeToString(sum[:]), "iam", "us-east-1", time.Now()))
	return i.do(t, req)
}

func (i *iam) do(t *testing.T, req *http.Request) []byte {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", body)
	return body
}
