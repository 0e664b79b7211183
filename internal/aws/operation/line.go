package operation

import "context"

// Line is the connection on which a caller waits for his answer. A server that
// can look at connections gives one to each request by WithLine.
type Line interface {
	// Gone tells why the caller can't be answered any more; nil: he is there.
	Gone() error
	// Lost tells why what was written will not arrive; nil: it has arrived, or is
	// on its way.
	Lost() error
	// Watch calls lost, at most once, if it turns out before the next request that
	// what was written did not arrive.
	Watch(lost func(error))
}

type lineKey struct{}

// WithLine gives the requests of a connection their line.
func WithLine(ctx context.Context, line Line) context.Context {
	return context.WithValue(ctx, lineKey{}, line)
}

func lineOf(ctx context.Context) Line {
	line, _ := ctx.Value(lineKey{}).(Line)
	return line
}

// Gone tells why the caller of a request can't be answered any more; nil: he
// waits, as far as anybody can know.
func Gone(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if line := lineOf(ctx); line != nil {
		return line.Gone()
	}
	return nil
}
