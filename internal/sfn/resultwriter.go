package sfn

import (
	"context"
	"errors"

	"heddle/internal/bucket"
	"heddle/internal/engine"
	"heddle/internal/service/tasks"
	"heddle/internal/sfn/maprun"
)

// resultWriters put the results of map runs into buckets. What was put when the server stopped,
// and not told, is put again under its key.
type resultWriters struct{ *actions }

// resultWritersMax is how many map runs' results are put at a time, of all accounts.
const resultWritersMax = 16

func newResultWriters(s *actions) *tasks.Performer {
	return &tasks.Performer{
		Kernel: s.Kernel, List: maprun.WritersList, Places: resultWritersMax, Perform: resultWriters{s}.take,
		Failed: "the results of a map run could not be written",
	}
}

// take puts what a map run has.
func (r resultWriters) take(ctx context.Context, t tasks.Task) (handBack func(), err error) {
	reply, err := r.Runs.Do(ctx, engine.Command{Run: t.Run, Body: &maprun.Write{Write: t.ID}})
	if over(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	w, ok := reply.(*maprun.Writing)
	if !ok { // its key was refused
		return nil, nil
	}
	var body any = &maprun.Wrote{Write: t.ID, Results: w.Results, Files: w.Files, Listed: w.Listed}
	if w.Listed {
		body = &maprun.Wrote{Write: t.ID, Listed: true}
	}
	cause, err := r.put(ctx, t, w)
	if err != nil {
		return nil, err
	}
	if cause != "" {
		body = &maprun.WriteFailed{Write: t.ID, Name: maprun.WriterFailed, Cause: cause}
	}
	_, err = r.Runs.Do(ctx, engine.Command{Run: t.Run, Body: body})
	if over(err) {
		return nil, nil
	}
	return nil, err
}

// put puts files. The cause is why they can't be; an error is none of the user's.
func (r resultWriters) put(ctx context.Context, t tasks.Task, w *maprun.Writing) (cause string, err error) {
	if r.Buckets == nil {
		return "This server has no buckets.", nil
	}
	in, prefix := w.Order.Writer.Place(t.Name)
	if in == "" {
		return "The arguments of the ResultWriter name no bucket.", nil
	}
	for _, f := range w.Files {
		err := r.mayReach(ctx, t.Name.World, &w.Order, w.Started, "s3:PutObject", objectARN(t.Name.World, in, prefix+f.Name))
		if err == nil {
			_, err = r.Buckets(t.Name.World.Account).Put(ctx, &bucket.Put{
				Bucket: in, Key: prefix + f.Name, ContentType: "application/json", Source: bucket.Bytes(f.Text), Size: f.Size,
			})
		}
		if no, ok := errors.AsType[*denied](err); ok {
			return no.why, nil
		}
		if refused, ok := errors.AsType[*bucket.Error](err); ok && !errors.Is(err, bucket.ErrTemporary) {
			return refused.SDKText(), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}
