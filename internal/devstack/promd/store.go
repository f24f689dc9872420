package promd

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/compression"

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
	return t
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
