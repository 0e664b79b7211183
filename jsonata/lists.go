package jsonata

import "heddle/jsonvalue"

func defineLists() {
	define("count", "<a:n>", 1, 1, func(e *evaluation, a []any) (any, error) {
		if isUndefined(a[0]) {
			return small[0], nil
		}
		return boxInt(len(ofList(a[0]))), nil
	})
	define("append", "<xx:a>", 2, 2, func(e *evaluation, a []any) (any, error) { return e.appendTo(a[0], a[1]) })
	define("reverse", "<a:a>", 1, 1, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is || len(items) <= 1 {
			return a[0], nil
		}
		if err := e.charge(16 * len(items)); err != nil {
			return nil, err
		}
		out := make([]any, len(items))
		for i, item := range items {
			out[len(items)-1-i] = item
		}
		return out, nil
	})
	define("shuffle", "<a:a>", 1, 1, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is || len(items) <= 1 {
			return a[0], nil
		}
		if err := e.charge(16 * len(items)); err != nil {
			return nil, err
		}
		out := make([]any, len(items))
		for i, item := range items {
			f, err := e.random()
			if err != nil {
				return nil, err
			}
			j := min(int(f*float64(i+1)), i)
			out[i] = out[j]
			out[j] = item
		}
		return out, e.spend(len(items))
	})
	define("distinct", "<x:x>", 1, 1, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is || len(items) <= 1 {
			return a[0], nil
		}
		var out []any
		seen := map[any]bool{} // scalars
		for _, item := range items {
			if err := e.step(); err != nil {
				return nil, err
			}
			key := item
			if f, is := number(item); is {
				key = f
			}
			switch item.(type) {
			case []any, *array, *jsonvalue.Object:
				found := false
				for _, other := range out {
					if err := e.step(); err != nil {
						return nil, err
					}
					same, err := e.equal(item, other)
					if err != nil {
						return nil, err
					}
					if found = same; found {
						break
					}
				}
				if found {
					continue
				}
			default:
				if seen[key] {
					continue
				}
				seen[key] = true
			}
			out = append(out, item)
			if err := e.charge(48); err != nil {
				return nil, err
			}
		}
		if isSequence(a[0]) {
			return sequence(out), nil
		}
		return out, nil
	})
	define("zip", "<a+>", 0, 0, func(e *evaluation, a []any) (any, error) {
		n := -1
		for _, v := range a {
			items, _ := list(v)
			if n < 0 || len(items) < n {
				n = len(items)
			}
		}
		out := make([]any, 0, max(n, 0))
		for i := range max(n, 0) {
			if err := e.charge(40 + 16*len(a)); err != nil {
				return nil, err
			}
			row := make([]any, len(a))
			for j, v := range a {
				items, _ := list(v)
				row[j] = items[i]
			}
			out = append(out, row)
		}
		return out, nil
	})
	define("map", "<af>", 2, 2, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is {
			return Undefined, nil
		}
		var out []any
		for i, item := range items {
			v, err := e.callback(a[1], item, boxInt(i), a[0])
			if err != nil {
				return nil, err
			}
			if !isUndefined(v) {
				out = append(out, v)
				if err := e.charge(16); err != nil {
					return nil, err
				}
			}
		}
		return sequence(out), nil
	})
	define("filter", "<af>", 2, 2, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is {
			return Undefined, nil
		}
		var out []any
		for i, item := range items {
			v, err := e.callback(a[1], item, boxInt(i), a[0])
			if err != nil {
				return nil, err
			}
			yes, err := e.truth(v)
			if err != nil {
				return nil, err
			}
			if yes {
				out = append(out, item)
				if err := e.charge(16); err != nil {
					return nil, err
				}
			}
		}
		return sequence(out), nil
	})
	define("single", "<af?>", 2, 2, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is {
			return Undefined, nil
		}
		var out any
		found := false
		for i, item := range items {
			yes := true
			if !isUndefined(a[1]) {
				v, err := e.callback(a[1], item, boxInt(i), a[0])
				if err != nil {
					return nil, err
				}
				if yes, err = e.truth(v); err != nil {
					return nil, err
				}
			}
			if yes {
				if found {
					return nil, failArgument("D3138", 1, Undefined)
				}
				out, found = item, true
			}
		}
		if !found {
			return nil, fail("D3139")
		}
		return out, nil
	})
	define("reduce", "<afj?:j>", 3, 3, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is {
			return Undefined, nil
		}
		f, is := a[1].(callable)
		if !is || f.arity() < 2 {
			return nil, failArgument("D3050", 1, Undefined)
		}
		out, from := a[2], 0
		if isUndefined(out) && len(items) > 0 {
			out, from = items[0], 1
		}
		for i := from; i < len(items); i++ {
			var err error
			if out, err = e.callback(f, out, items[i], boxInt(i), a[0]); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
	define("sort", "<af?:a>", 2, 2, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is || len(items) <= 1 {
			return a[0], nil
		}
		if err := e.charge(32 * len(items)); err != nil {
			return nil, err
		}
		out := append([]any(nil), items...)
		after := func(x, y *any) (bool, error) {
			if err := e.step(); err != nil {
				return false, err
			}
			v, err := e.apply(a[1], []any{*x, *y}, nil, nil)
			return err == nil && truthy(v), err
		}
		if isUndefined(a[1]) {
			numbers, texts := true, true
			for _, item := range items {
				_, isText := item.(string)
				_, isNumber, err := finite(item)
				if err != nil {
					return nil, err
				}
				numbers, texts = numbers && isNumber, texts && isText
			}
			if !numbers && !texts {
				return nil, failArgument("D3070", 1, Undefined)
			}
			after = func(x, y *any) (bool, error) {
				if s, is := (*x).(string); is {
					return less((*y).(string), s), e.step()
				}
				f, _ := number(*x)
				g, _ := number(*y)
				return f > g, e.step()
			}
		}
		return out, mergeSort(out, make([]any, len(out)), after)
	})
}
