package operation

import "context"

// Connection is what a caller waits on for its answer. A server that
// can look at connections gives one to each request by WithConnection.
type Connection interface {
	// Gone tells why the caller can't be answered any more; nil: it is there.
	Gone() error
	// Lost tells why what was written will not arrive; nil: it has arrived, or is
	// on its way.
	Lost() error
	// Watch calls lost, at most once, if it turns out before the next request that
	// what was written did not arrive.
	Watch(lost func(error))
}

type connectionKey struct{}

// WithConnection gives requests the connection on which they come.
func WithConnection(ctx context.Context, c Connection) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

func connectionOf(ctx context.Context) Connection {
	c, _ := ctx.Value(connectionKey{}).(Connection)
	return c
}

// Gone tells why the caller of a request can't be answered any more; nil: it
// waits, as far as anybody can know.
func Gone(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c := connectionOf(ctx); c != nil {
		return c.Gone()
	}
	return nil
}
