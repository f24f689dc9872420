package promd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/compression"

	"github.com/aictl/aictl/internal/devstack/disk"
	"github.com/aictl/aictl/internal/fail"
)

// tsdbOptions are Prometheus's defaults, made small: a control plane has some
// thousand series, not millions.
func tsdbOptions(o Options) *tsdb.Options {
	t := tsdb.DefaultOptions()
	t.RetentionDuration = o.Retention.Milliseconds()
	t.MaxBytes = o.RetentionBytes
	t.MaxBlockDuration = max(t.MinBlockDuration, min(31*24*time.Hour, o.Retention/10).Milliseconds())
	t.WALSegmentSize = 16 << 20 // the log shrinks by whole segments
	t.WALCompression = compression.Snappy
	t.StripeSize = 1 << 10
	t.HeadChunksWriteBufferSize = chunks.MinWriteBufferSize * 4
	t.HeadChunksWriteQueueSize = 0
	t.EnableMemorySnapshotOnShutdown = true // a clean restart replays nothing
	t.BlockReloadInterval = never           // see MapHead
	return t
}

// The engine panics when a chunk of its head cannot be written to a file
// (tsdb.handleChunkWriteError), and it writes them in a goroutine of its own
// once per block-reload interval, where nobody can recover: a full disk would
// end the control plane. So the interval is put out of reach, and the same
// work is done by MapHead, in a goroutine of ours, while the disk has room.
// Blocks are also reloaded, and old ones deleted, after every compaction.
const (
	never    = 100 * 365 * 24 * time.Hour
	mapEvery = time.Minute
	reserve  = 64 << 20 // bytes that stay free
)

// MapHead moves complete chunks from memory to files, where there is room.
// Without room they stay in memory: some 1.5 bytes a sample. It runs once a
// minute by itself.
func (s *Server) MapHead() {
	if !disk.Room(s.o.Dir, reserve) {
		s.logger.Warn("the disk is full: metrics are kept in memory", "dir", s.o.Dir)
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.logger.Error("metrics could not be written and stay in memory", "dir", s.o.Dir, "err", p)
		}
	}()
	s.db.ForceHeadMMap()
}

// keepMapping runs MapHead until Close.
func (s *Server) keepMapping() {
	tick := time.NewTicker(mapEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.MapHead()
		}
	}
}

// closeStore closes the store; its panic on a full disk becomes an error. The
// write-ahead log has everything that the chunks would have.
func (s *Server) closeStore() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fail.New(fail.Unavailable, "closing the metrics in %s: %v", s.o.Dir, p)
		}
	}()
	return s.db.Close()
}

// roomToStart refuses a disk without the room that replaying the log needs:
// it writes chunks too, where no panic can be caught.
func roomToStart(dir string) error {
	if disk.Room(dir, reserve) {
		return nil
	}
	return fail.New(fail.Unavailable, "the disk of %s has less than 64 MiB free: the embedded Prometheus does not start", dir).
		Hint("free space on the disk of --data-dir and restart")
}

// setAside renames blocks that cannot be opened, so that one damaged block
// does not keep the others, and the server, from starting. Nothing is
// deleted: the directory gets the suffix .broken, which the store ignores.
func (s *Server) setAside() error {
	entries, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return openError(s.o.Dir, err)
	}
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		dir := filepath.Join(s.o.Dir, e.Name())
		block, err := tsdb.OpenBlock(s.logger, dir, chunkenc.NewPool(), nil)
		if err == nil {
			err = block.Close()
		}
		if err == nil {
			continue
		}
		s.logger.Error("a block of metrics is damaged and was set aside", "block", dir, "renamed", dir+".broken", "err", err)
		if err := os.Rename(dir, dir+".broken"); err != nil {
			return openError(s.o.Dir, err)
		}
	}
	return nil
}

// openError says what a directory that cannot be opened suffers from.
func openError(dir string, err error) error {
	switch {
	case strings.Contains(err.Error(), "lock DB directory"):
		return fail.Wrap(fail.Conflict, err, "the embedded Prometheus's directory %s is in use", dir).
			Hint("stop the other aictl-server, or choose another --data-dir")
	case errors.Is(err, fs.ErrPermission):
		return fail.Wrap(fail.Failed, err, "opening the metrics in %s", dir).Hint("check the permissions of --data-dir")
	case errors.Is(err, syscall.ENOSPC):
		return fail.Wrap(fail.Unavailable, err, "opening the metrics in %s", dir).Hint("free space on the disk of --data-dir and restart")
	}
	return fail.Wrap(fail.Failed, err, "opening the metrics in %s", dir).
		Hint("move the directory away and restart: metrics begin anew, nothing else is lost")
}

// bytesText writes a size as Prometheus reads it: in whole kilobytes (1024).
func bytesText(n int64) string { return strconv.FormatInt(max(1, n>>10), 10) + "KB" }

// admin is what the API asks of the store; the admin API itself is off.
type admin struct {
	*tsdb.DB
	stats *tsdb.DBStats
}

func (a admin) Stats(label string, limit int) (*tsdb.Stats, error) {
	return a.Head().Stats(label, limit), nil
}

func (a admin) WALReplayStatus() (tsdb.WALReplayStatus, error) {
	return a.stats.Head.WALReplayStatus.GetWALReplayStatus(), nil
}

func (a admin) BlockMetas() ([]tsdb.BlockMeta, error) { return a.DB.BlockMetas(), nil }

// Samples is the number of samples taken since the start.
func (s *Server) Samples() float64 { return s.counter("prometheus_tsdb_head_samples_appended_total") }
