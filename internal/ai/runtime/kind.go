package runtime

// Kind is how a service is run: process, remote or kubernetes. It is empty for
// a name that the runtime does not run. idle says that it has no replica now
// and starts one on demand.
func (r *Runtime) Kind(name string) (kind string, idle bool) {
	s, ok := r.find(name)
	if !ok {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rev := s.rec.newest()
	if rev == nil || rev.Manifest == nil {
		return "", false
	}
	return rev.Manifest.Runtime, rev.Manifest.MinReplicas() == 0 && len(s.of(rev.Number)) == 0
}
