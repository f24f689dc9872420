package vault

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"filippo.io/age"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// A sealed record is an age file. Within it stands
//
//	HMAC-SHA256 (32 bytes) | length of the name (uint16) | name | version (uint64) | value
//
// where the HMAC covers what follows it, under a key that only the holder of
// the identity can derive. age has no additional data: so the name and the
// version are sealed with the value, and a record in another one's place is
// found. The HMAC stops whoever knows the public half alone from making
// records.

const macSize = sha256.Size

// maxOverhead bounds what age and our header add, in bytes.
const maxOverhead = 8 << 10

func (k *Key) seal(name string, version int64, v secrets.Value) ([]byte, error) {
	plain := make([]byte, macSize, macSize+2+len(name)+8+v.Len())
	defer func() { clear(plain[:cap(plain)]) }()
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(name))) //nolint:gosec // a reference has 1024 bytes at most
	plain = append(plain, name...)
	plain = binary.BigEndian.AppendUint64(plain, uint64(version)) //nolint:gosec // versions count from 1
	plain = append(plain, v.Bytes()...)
	k.sum(plain[:0], plain[macSize:])
	var out bytes.Buffer
	out.Grow(len(plain) + maxOverhead)
	w, err := age.Encrypt(&out, k.identity.Recipient())
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "sealing %s", name)
	}
	return out.Bytes(), nil
}

func (k *Key) sum(into, body []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(body)
	return h.Sum(into)
}

func (k *Key) open(name string, version int64, sealed []byte) (secrets.Value, error) {
	damaged := func(why string) error {
		return fail.New(fail.Failed, "the record of %s, version %d, is damaged: %s", name, version, why).
			Hint("restore the database from a back-up, or set the secret again")
	}
	if len(sealed) > secrets.MaxValue+maxOverhead {
		return secrets.Value{}, damaged("it is too large")
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), k.identity)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return secrets.Value{}, wrongKey()
	}
	if err != nil {
		return secrets.Value{}, damaged("it is no sealed record")
	}
	plain := make([]byte, len(sealed)) // never grown
	n, err := io.ReadFull(r, plain)
	defer clear(plain)
	if !errors.Is(err, io.ErrUnexpectedEOF) { // the end of a whole record
		return secrets.Value{}, damaged("it was changed or cut")
	}
	body := plain[:n]
	if len(body) < macSize+2 || !hmac.Equal(body[:macSize], k.sum(nil, body[macSize:])) {
		return secrets.Value{}, damaged("it was not sealed here")
	}
	body = body[macSize:]
	length := int(binary.BigEndian.Uint16(body))
	if body = body[2:]; len(body) < length+8 {
		return secrets.Value{}, damaged("its header is cut")
	}
	if string(body[:length]) != name || binary.BigEndian.Uint64(body[length:]) != uint64(version) { //nolint:gosec // as above
		return secrets.Value{}, damaged("it belongs to another secret or version, and was put in this one's place")
	}
	return secrets.CopyOf(body[length+8:]), nil
}

func wrongKey() error {
	return fail.New(fail.Failed, "the vault's key is another one than that which sealed the secrets").
		Hint("put the right key back from its copy; the secrets are unharmed")
}
