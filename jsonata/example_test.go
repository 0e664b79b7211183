package jsonata_test

import (
	"context"
	"fmt"
	"strings"

	"heddle/jsonata"
	"heddle/jsonvalue"
)

func Example() {
	input, err := jsonvalue.ParseString(`{"orders": [{"id": "A1", "lines": [{"price": 2.5, "n": 4}, {"price": 10, "n": 1}]}, {"id": "A2", "lines": []}]}`)
	if err != nil {
		panic(err)
	}
	x, err := jsonata.Compile(`orders.{"id": id, "total": $sum(lines.(price * n))}`)
	if err != nil {
		panic(err)
	}
	result, err := x.Evaluate(context.Background(), input, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(jsonvalue.Text(result))
	// Output: [{"id":"A1","total":20},{"id":"A2"}]
}

// An error tells its code, its place in the source and the text of jsonata-js.
func ExampleError() {
	_, err := jsonata.Compile(`orders[price > 10`)
	fmt.Println(err)
	_, err = jsonata.MustCompile(`"a" + 1`).Evaluate(context.Background(), jsonata.Undefined, nil)
	fmt.Println(err, "at", err.(*jsonata.Error).Position)
	// Output:
	// S0203: Expected "]" before end of expression
	// T2001: The left side of the "+" operator must evaluate to a number at 5
}

// An expression may give nothing, which is not null.
func ExampleExpression_Evaluate_nothing() {
	result, err := jsonata.MustCompile(`orders.price`).Evaluate(context.Background(), &jsonvalue.Object{}, nil)
	fmt.Println(result == jsonata.Undefined, err)
	// Output: true <nil>
}

func ExampleExpression_Variables() {
	x := jsonata.MustCompile(`($tax := 1 + $rate; orders.price * $tax + $fee)`)
	fmt.Println(x.Variables())
	// Output: [fee rate]
}

// Bindings are the variables of an expression; limits bound what it may take.
func ExampleOptions() {
	x := jsonata.MustCompile(`($grow := function($s) { $grow($s & $s) }; $grow($start))`)
	_, err := x.Evaluate(context.Background(), jsonata.Undefined, &jsonata.Options{
		Bindings: map[string]any{"start": "x"},
		Limits:   jsonata.Limits{Steps: 100_000, Depth: 500, Bytes: 1 << 20},
	})
	fmt.Println(err)
	// Output: U1002: The evaluation made more bytes than allowed
}

// A library may have functions of its own, and lack some.
func ExampleLibrary_Register() {
	lib := jsonata.NewLibrary().Without("eval")
	err := lib.Register("repeat", "<s-n:s>", func(call jsonata.Call, args []any) (any, error) {
		s, is := args[0].(string)
		if !is {
			return jsonata.Undefined, nil // nothing comes of nothing
		}
		n, _ := jsonvalue.Float(args[1])
		if n < 0 {
			return nil, jsonata.NewError("X0001", "Cannot repeat less than never", args[1])
		}
		if err := call.Charge(len(s) * int(n)); err != nil {
			return nil, err
		}
		return strings.Repeat(s, int(n)), nil
	})
	if err != nil {
		panic(err)
	}
	x, err := lib.Compile(`"ab" ~> $repeat(3)`)
	if err != nil {
		panic(err)
	}
	fmt.Println(x.Evaluate(context.Background(), jsonata.Undefined, nil))
	// Output: ababab <nil>
}
