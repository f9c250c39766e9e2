"""break, continue and early return, in loops in branches in loops."""

import contextlib

import neve
from capture_cases import program

BOTH = ((True,), (False,))


@program
def early_return(x):
    if x.max() > 2:
        return x * 3
    y = x + 1
    if y.min() < -1:
        return y
    return y * y


@program
def return_from_loop(x):
    for i in range(x.shape[0]):
        if x[i].sum() > 0:
            return x[i] * 2
    return x[0]


@program
def return_from_nested_loops(x):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if x[i, j] > 1:
                return x[i] + j
    return x[-1]


@program(flags=BOTH)
def return_in_branch_in_loop_in_branch(x, flag):
    if flag or x.sum() > 0:
        for i in range(3):
            if x.mean() > 0.2:
                if x.max() > 2:
                    return x - i
                x = x - 0.3
            elif i == 2:
                return x * 5
        else:
            x = x + 100
    return x


@program
def rows(x):
    s = 0
    for i in range(x.shape[0]):
        if x[i].sum() < 0:
            continue
        if s > 3:
            break
        s = s + x[i].sum()
    return s * x


@program
def continue_while(x):
    i = 0
    s = 0.0
    while i < 6:
        i += 1
        if i % 2 == 0:
            continue
        if x.sum() > i:
            continue
        s = s + i * x.mean()
    return s + x


@program
def break_two_loops(x):
    done = False
    for _ in range(3):
        for _ in range(3):
            x = x + 0.2
            if x.sum() > 4:
                done = True
                break
        if done:
            break
    return x


@program
def break_else_nested(x):
    count = 0
    for i in range(3):
        for j in range(x.shape[1]):
            if x[0, j] > i:
                break
        else:
            count += 1
            continue
        if x.sum() > 0:
            x = x - 1
        else:
            break
    else:
        count += 100
    return x, count


@program
def nested(x):
    count = 0
    i = 0
    while i < 5:
        i += 1
        if x.mean() > 0.5:
            x = x / 2
            count += 1
        elif x.mean() < -0.5:
            break
        else:
            for j in range(2):
                x = x + j * 0.1
                if x.sum() > 3:
                    break
            else:
                count += 10
    return x, count


@program
def return_tuple_or_tuple(x):
    if x.sum() > 0:
        return x, 1
    if x.min() < -2:
        return x * 2, 2
    return -x, 3


@program
def return_dict(x):
    for i in range(2):
        if x.sum() > i:
            return {"x": x, "i": i}
        x = x + 1
    return {"x": x * 2, "i": -1}


@program
def return_in_else_of_while(x):
    k = 0
    while k < 3:
        k += 1
        if x.sum() > 4:
            break
        x = x + 0.4
    else:
        return x * k
    return x - k


@program
def return_in_try(x):
    try:
        if x.sum() > 0:
            return x + 1
        x = x * 2
    finally:
        y = x
    return y


@program
def return_none_or_none(x):
    def change(y):
        if y.sum() > 0:
            y += 1
            return
        y -= 1

    x = x * 1
    change(x)
    return x


@program
def all_ways_return(x):
    if x.sum() > 0:
        if x.max() > 1:
            return x
        else:
            return x + 1
    else:
        return x - 1


@program
def return_number_or_tensor(x):
    def level(y):
        if y.sum() > 0:
            return y.mean()
        return 0.0

    return x + level(x)


@program
def walk(x):
    i = 0
    while i < x.shape[0]:
        if x[i].sum() > 0:
            i += 2
            continue
        x = x + 0.2
        i += 1
        if x.max() > 3:
            return x, i
    return x, i


@program
def returns_other_sizes(x):
    if x.sum() > 0:
        return x[:1]
    return x


@program(flags=BOTH)
def flag_return(x, flag):
    for i in range(4):
        if flag and x.sum() > 1:
            return x
        if not flag and i > 1:
            return -x
        x = x + 0.3
    return x * 2


@program
def continue_in_for_rows(x):
    out = neve.zeros(x.shape[1])
    for row in x:
        if row.max() > 1.5:
            continue
        out = out + row
        if out.sum() > 3:
            break
    return out


@program
def early_return_with_a_list_whose_element_is_chosen_later(x):
    s, k, log = x.sum() * 0, 0, [0, 0, 0]
    if x[-1].max() >= 0.05:
        return x + s, log
    for _ in range(2):
        k += 1
        if x.sum() > -0.45:
            s = s + x.mean() * 0.32
        else:
            n = k if x[0, 0] < 0 else 0
            log[n % 3] += 2
    return x + s, log


@program
def early_returns_with_a_list_that_one_way_changes(x):
    log = [0, 0, 0]
    if x[0, 0] > 0.3:
        return x * 0.5, log
    if x.sum() > -0.47:
        n = x.shape[0] if x[0, 1] > 0 else 1
        log[n % 3] += 3
    else:
        return x + 1, log
    return x, log


@program
def pass_under_try(x):
    last = None
    rows = 0
    for _ in range(3):
        try:
            if x.sum() > 0:
                x = x * 0.5 - 0.1
            last = x[0]  # noqa: F841 - shows what x was
            x = x * 0.9
            x[0] += 0.5
        finally:
            rows += 1
    return x, rows


@program(graphs=2)
def read_by_the_handler(x):
    y = x * 2
    try:
        if x.sum() > 0:
            y = x * 3
        if x.shape[0] > 2:
            raise ValueError("too many")
        y = x * 4
    except ValueError:
        return y, 1
    return y, 0


@program
def read_by_finally(x):
    y, log = x * 2, []
    try:
        if x.sum() > 0:
            y = x * 3
        z = y
        y = x * 4
    finally:
        log.append(y.sum())
    return z, log


@program
def what_a_context_ends(x):
    y = x * 2
    with contextlib.suppress(ValueError):
        if x.sum() > 0:
            y = x * 3
        if len(x.shape) == 2:
            raise ValueError("too many")
        y = x * 4
    return y


@program
def assigned_in_a_finally(x):
    mode, k = "a", 0
    try:
        for row in x:
            if row.sum() > 0:
                mode, k = "b", k + 1
    finally:
        if x.shape[1] % 2 == 1:
            mode = "c"
        if x.mean() > 0:
            k = -k
    return x.sum(), mode == "b", k
