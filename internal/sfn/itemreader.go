package sfn

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"

	"heddle/internal/aws/arn"
	"heddle/internal/bucket"
	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/service/tasks"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/itemreader"
	"heddle/internal/sfn/maprun"
	"heddle/internal/sfn/permission"
	"heddle/internal/sfn/resource"
	"heddle/jsonvalue"
)

// itemReaders read the items of map runs from buckets, a part for each offer. What was read
// when the server stopped is read again, from where the map run knows.
type itemReaders struct {
	*actions
	streams *itemreader.Streams
}

// itemReadersMax is how many parts are read at a time, of all accounts.
const itemReadersMax = 16

func newItemReaders(s *actions, streams *itemreader.Streams) *tasks.Performer {
	return &tasks.Performer{
		Kernel: s.Kernel, List: maprun.ReadersList, Places: itemReadersMax, Perform: itemReaders{s, streams}.take,
		Failed: "the items of a map run could not be read",
	}
}

// take reads a part.
func (r itemReaders) take(ctx context.Context, t tasks.Task) (handBack func(), err error) {
	reply, err := r.Runs.Do(ctx, engine.Command{Run: t.Run, Body: &maprun.Read{Read: t.ID}})
	if over(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	reading, ok := reply.(*maprun.Reading)
	if !ok { // its key was refused
		return nil, nil
	}
	body, err := r.next(ctx, t, reading, func() (*asl.Machine, error) {
		if m := r.machines.Find(reading.Order.Settings.Definition); m != nil {
			return m, nil
		}
		reply, err := r.Runs.Do(ctx, engine.Command{Run: t.Run, Body: &maprun.Read{Read: t.ID, Definition: true}})
		if err != nil {
			return nil, err
		}
		again, ok := reply.(*maprun.Reading)
		if !ok { // its key was refused
			return nil, &maprun.ClosedError{}
		}
		return r.machines.Add(again.Order.Settings.Definition, again.Definition)
	})
	if over(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = r.Runs.Do(ctx, engine.Command{Run: t.Run, Body: body})
	if over(err) {
		return nil, nil
	}
	return nil, err
}

func over(err error) bool {
	return engine.IsGone(err) || isMissing(err) || errors.Is(err, engine.ErrUnusable)
}

// denied says why a role may not do something, for who set it up.
type denied struct{ why string }

func (d *denied) Error() string { return d.why }

// unselected says why no item was made of one that was read, for the user.
type unselected struct{ failure *asl.Failure }

func (u *unselected) Error() string { return u.failure.Cause }

// selects makes items of those that are larger than a window takes: what the ItemSelector makes of
// them, if that is not too large. Errors: *unselected.
func (r itemReaders) selects(t tasks.Task, reading *maprun.Reading, machine func() (*asl.Machine, error)) func(int, string, string, *string, any) (string, error) {
	return func(i int, in, object string, member *string, item any) (string, error) {
		o := &reading.Order
		if !o.SelectedItems {
			return "", &unselected{execution.TooLarge(o.State)}
		}
		m, err := machine()
		if err != nil {
			return "", err
		}
		if o.Described {
			item = execution.Described(member, item, execution.S3URI(in, object))
		}
		selected, failed := reading.Select(m, t.Run, reading.Known+int64(i), item, r.Clock())
		switch {
		case failed != nil:
			return "", &unselected{failed}
		case jsonvalue.Size(selected) > maprun.ItemBytes:
			return "", &unselected{execution.TooLarge(o.State)}
		}
		return jsonvalue.Text(selected), nil
	}
}

// next reads a part and gives what the map run is to be told. Machine is asked for the map run's. An
// error is none of the user's.
func (r itemReaders) next(ctx context.Context, t tasks.Task, reading *maprun.Reading, machine func() (*asl.Machine, error)) (any, error) {
	failed := func(cause string) (any, error) {
		return &maprun.ReadFailed{Read: t.ID, Name: execution.ReaderFailed, Cause: cause}, nil
	}
	if r.Buckets == nil {
		return failed("This server has no buckets.")
	}
	o := reading.Order.Reader
	from := itemreader.Reader{
		Streams: r.streams, Of: string(t.Run[:]),
		Store: r.Buckets(t.Name.World.Account), Room: r.Room(t.Name.World.Account), List: o.Action == "listObjectsV2",
		InputType: o.InputType, Athena: o.Manifest == "ATHENA_DATA", Pointer: o.Pointer, HeadersGiven: o.HeadersGiven, Headers: o.Headers, Delimiter: o.Delimiter,
		May: func(ctx context.Context, action, in, key string) error {
			return r.mayReach(ctx, t.Name.World, &reading.Order, reading.Started, action, objectARN(t.Name.World, in, key))
		},
		Cut: r.selects(t, reading, machine),
	}
	var arguments struct{ Bucket, Key, Prefix, VersionID, ExpectedBucketOwner string }
	if err := json.Unmarshal([]byte(o.Arguments), &arguments); err != nil || arguments.Bucket == "" {
		return failed("The arguments of the ItemReader name no bucket.")
	}
	if !from.List && arguments.Key == "" {
		return failed("The arguments of the ItemReader name no key.")
	}
	if arguments.VersionID != "" && from.InputType == "PARQUET" {
		return failed("The field 'VersionId' is not supported for InputType PARQUET.")
	}
	if owner := arguments.ExpectedBucketOwner; owner != "" && owner != t.Name.World.Account { // whose all its buckets are
		return failed(bucket.Denied("GetObject", arguments.Bucket, arguments.Key, "Access Denied").SDKText())
	}
	from.Bucket, from.Key, from.Version = arguments.Bucket, arguments.Key, arguments.VersionID
	if from.List {
		from.Key, from.Version = arguments.Prefix, ""
	}
	if reading.Order.Described {
		from.Describe = func(bucket, object string, member *string, value string) string {
			return execution.DescribedItem(member, value, execution.S3URI(bucket, object))
		}
	}
	most := int64(math.MaxInt64)
	if o.MaxItems > 0 {
		most = o.MaxItems - reading.Known
	}
	part, err := from.Next(ctx, reading.Position, most)
	var (
		flaw    *itemreader.Error
		refused *bucket.Error
		no      *denied
		not     *unselected
	)
	switch {
	case err == nil:
		done := part.Done || int64(len(part.Items)) >= most
		return &maprun.Took{Read: t.ID, Items: part.Items, Position: part.Position, Done: done, Selected: part.Cut}, nil
	case errors.As(err, &not):
		return &maprun.ReadFailed{Read: t.ID, Name: not.failure.Name, Cause: not.failure.Cause}, nil
	case errors.As(err, &no):
		return failed(no.why)
	case errors.As(err, &flaw):
		return failed(flaw.Cause)
	case errors.As(err, &refused) && !errors.Is(err, bucket.ErrTemporary):
		return failed(refused.SDKText())
	}
	return nil, err
}

// objectARN is the ARN of an object, or without a key of a bucket.
func objectARN(w engine.World, in, key string) string {
	if key != "" {
		in += "/" + key
	}
	a := arn.Of("s3", "", "", in)
	a.Partition = arn.Partition(w.Region)
	return a.String()
}

// mayReach asks whether the role of a map run's state machine may do something in S3. The
// server's own rights there may be more than any role has. Errors: *denied.
func (s *actions) mayReach(ctx context.Context, w engine.World, o *execution.MapRunOrder, since engine.Time, action, about string) error {
	if s.Trusting {
		return nil
	}
	verdict, err := s.May(ctx, &service.Errand{
		World: w, Role: o.Settings.Role, Since: since,
		Services: permission.Services(w.Region), Session: resource.Service, Source: o.StateMachine,
		Action: action, Resource: about,
	})
	if err != nil {
		return err
	}
	if why := cmp.Or(verdict.NotAssumed, verdict.Denied); why != "" {
		return &denied{why}
	}
	return nil
}
