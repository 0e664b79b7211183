// Package flow has the declarations that flowcheck goes by.
package flow

import (
	"math/rand/v2"
	"time"
)

type Context struct{ run *int }

func (c Context) Err() error { return nil }

type None struct{}

type Implementation struct{}

type Workflow[In, Out any] struct{ Name, Version string }

func (w Workflow[In, Out]) By(f func(Context, In) (Out, error)) Implementation {
	return Implementation{}
}

type Activity[In, Out any] struct{ Name, Version string }

func (a Activity[In, Out]) Call(ctx Context, in In) (out Out, err error) { return }

func Effect[T any](ctx Context, f func() T) T { return f() }

func Go[T any](ctx Context, f func(Context) (T, error)) *T { return nil }

func Now(ctx Context) time.Time { return time.Time{} }

func Sleep(ctx Context, d time.Duration) error { return nil }

func Rand(ctx Context) *rand.Rand { return nil }
