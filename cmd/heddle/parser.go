package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"heddle/internal/options"
	"heddle/internal/server"
)

// newParser parses the command line into c.
func newParser(ctx context.Context, c *commands, more ...kong.Option) (*kong.Kong, error) {
	return newParserOf(ctx, c, new(sources), more...)
}

// newParserOf is a parser that fills in what sources have.
func newParserOf(ctx context.Context, c *commands, s *sources, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("heddle"),
		kong.Description("A durable workflow server that speaks Amazon SWF, AWS Step Functions and AWS Data Exchange."),
		kong.ShortUsageOnError(),
		kong.Vars{"data": options.Defaults[server.Config]().Data},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(thisProcess()),
		kong.KindMapper(reflect.Int, kong.MapperFunc(decodeNumber)),
		kong.KindMapper(reflect.Int64, kong.MapperFunc(decodeNumber)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeDuration)),
		kong.Resolvers(s),
		kong.WithBeforeResolve(s.read),
		kong.NamedMapper("folder", kong.MapperFunc(decodeFolder)),
		kong.NamedMapper("skip", skipMapper{}),
	}, more...)...)
}

// decodeNumber takes numbers above zero: zero is what a Config has in place of a
// default, so nobody who writes it gets what they mean.
func decodeNumber(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("number", &text); err != nil {
		return err
	}
	n, err := strconv.ParseInt(text, 10, target.Type().Bits())
	if err != nil || n < 1 {
		return fmt.Errorf("%q: want a whole number from 1 on", text)
	}
	target.SetInt(n)
	return nil
}

// decodeDuration takes durations above zero, likewise, and zero where that is the default.
func decodeDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d == 0 && ctx.Value.Default != "0s" {
		return fmt.Errorf("%q: want a time above 0, such as 55s", text)
	}
	target.SetInt(int64(d))
	return nil
}

// decodeFolder refuses the empty path, which comes of a variable that a script
// forgot to set, and would be another folder than the one that was meant.
func decodeFolder(ctx *kong.DecodeContext, target reflect.Value) error {
	var path string
	if err := ctx.Scan.PopValueInto("folder", &path); err != nil {
		return err
	}
	if path == "" {
		return errors.New("want a folder, not nothing")
	}
	target.SetString(kong.ExpandPath(path))
	return nil
}

// skipMapper reads a setting that is given without a value, for timers, or with one.
type skipMapper struct{}

// IsBool implements kong.BoolMapper: the value may be left out.
func (skipMapper) IsBool() bool { return true }

// Decode implements kong.Mapper.
func (skipMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	value := server.SkipTimers
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		value = fmt.Sprint(ctx.Scan.Pop().Value)
	}
	target.SetString(value)
	return nil
}

// unsetEmpty takes variables of ours that are set to nothing for not set, as files
// of containers and units leave them.
func unsetEmpty() error {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "HEDDLE_") && value == "" {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	return nil
}
