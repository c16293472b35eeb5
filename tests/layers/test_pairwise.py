"""Products of fields against the sum over all pairs, written out."""

from itertools import combinations

import torch

from camenn.layers.pairwise import FactorisationMachine, FieldVectors


def test_a_factorisation_machine_is_the_sum_over_fields_and_pairs_of_fields() -> None:
    torch.manual_seed(0)
    context, item = torch.randn(2, 3, 4), torch.randn(5, 2, 4)
    context_mask = torch.tensor([[True, True, False], [True, True, True]])
    item_mask = torch.tensor([[True, True], [False, True], [True, False], [True, True], [False, False]])
    request, candidate = torch.tensor([0, 0, 1, 1]), torch.tensor([4, 1, 1, 3])
    own, own_mask = torch.randn(4, 1, 4), torch.tensor([[True], [True], [False], [True]])
    machine = FactorisationMachine(4)
    torch.nn.init.normal_(machine.first_order.weight)
    logits = machine(
        FieldVectors(context, context_mask, request),
        FieldVectors(item, item_mask, candidate),
        FieldVectors(own, own_mask),
    )
    for row in range(4):
        vectors = [
            *context[request[row]][context_mask[request[row]]],
            *item[candidate[row]][item_mask[candidate[row]]],
            *own[row][own_mask[row]],
        ]
        first = sum(float(machine.first_order.weight[0].detach() @ vector) for vector in vectors)
        second = sum(float(one @ other) for one, other in combinations(vectors, 2))
        assert abs(float(logits[row].detach()) - first - second) < 1e-4
