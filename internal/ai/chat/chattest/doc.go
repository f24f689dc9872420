// Package chattest holds stand-ins for the chat service's neighbours: a
// scripted upstream with OpenAI's API (Upstream), a store of sessions in
// memory (Memory), and the suite that every store of sessions must pass
// (SessionsConformance).
//
// It promises deterministic answers: the same request has the same answer. It
// is for tests; nothing in it keeps data or holds no more than it should.
package chattest
