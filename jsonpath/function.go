package jsonpath

import (
	"math"
	"strings"

	"heddle/jsonvalue"
)

// call is a function as a step of a path.
type call struct {
	name string
	args []operand
	of   *Path // what a function behind a scan is applied to; else the value before it
}

// function reads the arguments of a function, whose parenthesis comes next.
func (p *parser) function(name string) error {
	if n := len(p.path.steps); n > 0 && p.path.steps[n-1].kind == scan {
		return fail("Could not parse token starting at position %d", p.at-len(name))
	}
	c := &call{name: name}
	if p.nesting++; p.nesting > nestingMax {
		return fail("Path is nested too deeply")
	}
	defer func() { p.nesting-- }()
	err := p.members(')', func() error {
		var o operand
		var err error
		if next := p.peek(); next == '$' || next == '@' {
			o.path, err = p.subpath(true)
		} else {
			o.value, err = p.literal()
		}
		c.args = append(c.args, o)
		return err
	})
	if err != nil {
		if p.at >= len(p.text) {
			return fail("Arguments to function: '%s' are not closed properly.", name)
		}
		return err
	}
	p.add(step{kind: function, call: c})
	return nil
}

// apply goes on with what a function makes of v.
func (e *evaluation) apply(c *call, rest []step, v any, definite bool) error {
	if c.of != nil {
		found, err := e.argument(c.of, v)
		if err != nil {
			return err
		}
		v = found
	}
	args := make([]any, 0, len(c.args))
	for i := range c.args {
		arg := c.args[i].value
		if path := c.args[i].path; path != nil {
			found, err := e.argument(path, e.root)
			if err != nil {
				return err
			}
			arg = found
			if c.name == "append" && !e.inner { // the result has it as often as it is named
				if err := e.budget.Take(jsonvalue.Size(arg)); err != nil {
					return err
				}
			}
		}
		args = append(args, arg)
	}
	result, err := e.call(c.name, v, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return e.found(result)
	}
	return e.follow(rest, result, definite)
}

// argument is what a path finds for a function.
func (e *evaluation) argument(p *Path, v any) (any, error) {
	found, err := e.nested(p, v, false)
	if IsNotFound(err) {
		return nil, e.notFound(func() string { return "No results for path: " + p.String() })
	}
	return found, err
}

// call is what the function makes of v: Jayway's function of the same name.
func (e *evaluation) call(name string, v any, args []any) (any, error) {
	list, isList := v.([]any)
	object, isObject := v.(*jsonvalue.Object)
	if err := e.budget.step(len(list)); err != nil {
		return nil, err
	}
	switch name {
	case "length", "size":
		if len(args) > 0 {
			list, isList = args[0].([]any)
			object, isObject = args[0].(*jsonvalue.Object)
		}
		switch {
		case isList:
			return float64(len(list)), nil
		case isObject:
			return float64(object.Len()), nil
		}
		return nil, nil
	case "keys":
		if !isObject {
			return nil, nil
		}
		names := make([]any, 0, object.Len())
		for name := range object.All() {
			names = append(names, name)
		}
		return names, e.budget.step(len(names))
	case "append":
		if !isList {
			return v, nil
		}
		if err := e.budget.Take(16 * (len(list) + len(args))); err != nil {
			return nil, err
		}
		return append(append(make([]any, 0, len(list)+len(args)), list...), args...), nil
	case "concat":
		var b strings.Builder
		for _, item := range list {
			if text, ok := item.(string); ok {
				if err := e.budget.Take(len(text)); err != nil {
					return nil, err
				}
				b.WriteString(text)
			}
		}
		for _, arg := range args {
			items, ok := arg.([]any)
			if !ok {
				if _, ok := arg.(string); !ok {
					continue
				}
				items = []any{arg}
			}
			for _, item := range items {
				if item == nil {
					continue
				}
				text := JavaText(item)
				if err := e.budget.Take(len(text)); err != nil {
					return nil, err
				}
				b.WriteString(text)
			}
		}
		return b.String(), nil
	case "first", "last", "index":
		i := 0
		switch name {
		case "last":
			i = -1
		case "index":
			numbers, err := e.numbers(nil, args)
			if err != nil {
				return nil, err
			}
			if len(numbers) == 0 {
				return nil, unfit("Function index needs a number")
			}
			i = int(numbers[0])
		}
		if !isList {
			return nil, unfit("Aggregation function attempted to calculate value using empty array")
		}
		at := i
		if at < 0 {
			at += len(list)
		}
		if at < 0 || at >= len(list) {
			return nil, unfit("Target index:" + jsonvalue.FormatNumber(float64(i)) + " larger than object count:" +
				jsonvalue.FormatNumber(float64(len(list))))
		}
		return list[at], nil
	case "min", "max", "avg", "stddev", "sum":
		numbers, err := e.numbers(list, args)
		if err != nil {
			return nil, err
		}
		if len(numbers) == 0 {
			return nil, unfit("Aggregation function attempted to calculate value using empty array")
		}
		return aggregate(name, numbers), nil
	}
	return nil, unfit("Function with name: " + name + " does not exist.")
}

// numbers are those of a list, and of arguments and the lists among them.
func (e *evaluation) numbers(list []any, args []any) ([]float64, error) {
	numbers := make([]float64, 0, len(list)+len(args))
	for _, item := range list {
		if n, ok := jsonvalue.Float(item); ok {
			numbers = append(numbers, n)
		}
	}
	for _, arg := range args {
		items, ok := arg.([]any)
		if !ok {
			items = []any{arg}
		}
		if err := e.budget.step(len(items)); err != nil {
			return nil, err
		}
		for _, item := range items {
			if n, ok := jsonvalue.Float(item); ok {
				numbers = append(numbers, n)
			}
		}
	}
	return numbers, nil
}

func aggregate(name string, numbers []float64) float64 {
	sum, squares := 0.0, 0.0
	least, most := numbers[0], numbers[0]
	for _, n := range numbers {
		sum += n
		squares += n * n
		least, most = min(least, n), max(most, n)
	}
	n := float64(len(numbers))
	switch name {
	case "min":
		return least
	case "max":
		return most
	case "sum":
		return sum
	case "avg":
		return sum / n
	}
	return math.Sqrt(max(0, squares/n-sum/n*(sum/n)))
}
