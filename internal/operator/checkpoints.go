package operator

import (
	"context"
	"errors"
	"time"

	"heddle/internal/aws/fault"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	"heddle/internal/service"
)

const storeOfAll = "The store is that of all accounts, so a copy of it"

func noCheckpoint(text string) error {
	return &fault.Fault{Code: wire.CodeCheckpointUnavailableException, Message: text}
}

var errGone = &fault.Fault{Code: wire.CodeResourceNotFoundException, Message: "No checkpoint has this name. It ends when it is not kept for a while, when the disk is full, and with the server."}

func stamp(t time.Time) wire.Timestamp { return wire.Timestamp(engine.Time(t.UnixMilli())) }

// createCheckpoint serves CreateCheckpoint: a copy of the store in the data folder, for who may
// read that.
func (s *actions) createCheckpoint(ctx context.Context, _ *wire.CreateCheckpointInput) (*wire.CreateCheckpointOutput, error) {
	if err := s.ofServer(ctx, storeOfAll); err != nil {
		return nil, err
	}
	if s.Checkpoints == nil {
		return nil, noCheckpoint("This server has its store in memory.")
	}
	c, err := s.Checkpoints.Create(ctx)
	if errors.Is(err, service.ErrNoCheckpoint) {
		return nil, noCheckpoint(err.Error())
	}
	if err != nil {
		return nil, err
	}
	return &wire.CreateCheckpointOutput{Checkpoint: c.Name, Version: s.Overview.Status().Version, ServerTimestamp: stamp(c.At), ExpirationTimestamp: stamp(c.Until)}, nil
}

// keepCheckpoint serves KeepCheckpoint.
func (s *actions) keepCheckpoint(ctx context.Context, in *wire.KeepCheckpointInput) (*wire.KeepCheckpointOutput, error) {
	if err := s.ofServer(ctx, storeOfAll); err != nil {
		return nil, err
	}
	if s.Checkpoints == nil {
		return nil, errGone
	}
	c, ok := s.Checkpoints.Keep(in.Checkpoint)
	if !ok {
		return nil, errGone
	}
	return &wire.KeepCheckpointOutput{ExpirationTimestamp: stamp(c.Until)}, nil
}

// deleteCheckpoint serves DeleteCheckpoint.
func (s *actions) deleteCheckpoint(ctx context.Context, in *wire.DeleteCheckpointInput) (*wire.DeleteCheckpointOutput, error) {
	if err := s.ofServer(ctx, storeOfAll); err != nil {
		return nil, err
	}
	if s.Checkpoints == nil || !s.Checkpoints.Delete(in.Checkpoint) {
		return nil, errGone
	}
	return &wire.DeleteCheckpointOutput{}, nil
}

// getDiskUsage serves GetDiskUsage.
func (s *actions) getDiskUsage(ctx context.Context, _ *wire.GetDiskUsageInput) (*wire.GetDiskUsageOutput, error) {
	if err := s.ofServer(ctx, "What is on the disk"); err != nil {
		return nil, err
	}
	used, err := s.Overview.DiskUsage(ctx)
	if err != nil {
		return nil, err
	}
	out := &wire.GetDiskUsageOutput{Uses: []wire.DiskUse{}, ServerTimestamp: wire.Timestamp(s.Clock()), FreeBytes: present(int64(used.Free)), TotalBytes: present(int64(used.Total))}
	if a := used.Archive; a != nil {
		out.Archive = &wire.ArchiveStatus{
			Location: a.Location, Executions: a.Executions, Bytes: a.Bytes, TriedTimestamp: moment(a.Tried), FailingSinceTimestamp: moment(a.Since),
			OldestTimestamp: moment(a.Oldest), Error: present(a.Error),
		}
	}
	for _, u := range used.Uses {
		out.Uses = append(out.Uses, wire.DiskUse{Name: u.Name, Bytes: u.Bytes, Files: int64(u.Files), Explanation: u.Explanation})
	}
	return out, nil
}
