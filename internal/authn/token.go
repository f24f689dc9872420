package authn

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"math/big"
	"strings"
)

// The form of a token: the prefix, 43 characters of base 62 (256 random bits)
// and 6 of a checksum, as GitHub's tokens have it: a typing mistake is found
// without asking the store, and scanners recognise a leaked one.
const (
	tokenPrefix   = "aictl_"
	secretLength  = 43
	checkLength   = 6
	base62Letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// newSecret makes a token. crypto/rand does not fail: since Go 1.24 it ends
// the program instead.
func newSecret() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	body := base62(new(big.Int).SetBytes(raw), secretLength)
	return tokenPrefix + body + checksum(body)
}

// newID makes the public name of a token.
func newID() string {
	raw := make([]byte, 8)
	_, _ = rand.Read(raw)
	return "tok_" + hex.EncodeToString(raw)
}

// wellFormed checks the form and the checksum of what was shown.
func wellFormed(secret string) bool {
	body, ok := strings.CutPrefix(secret, tokenPrefix)
	if !ok || len(body) != secretLength+checkLength {
		return false
	}
	return checksum(body[:secretLength]) == body[secretLength:]
}

// hashOf is what the store keeps. A token has 256 random bits, so a plain
// SHA-256 cannot be searched, and needs no key that replicas would share.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func checksum(body string) string {
	return base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(body)))), checkLength)
}

func base62(n *big.Int, length int) string {
	out := make([]byte, length)
	base, rest := big.NewInt(62), new(big.Int)
	n = new(big.Int).Set(n)
	for i := length - 1; i >= 0; i-- {
		n.DivMod(n, base, rest)
		out[i] = base62Letters[rest.Int64()]
	}
	return string(out)
}
