"""Records, dicts and strings of pure Python: what a batch job without libraries does. Argument: how many records."""

import sys
from collections import defaultdict


class Order:
    def __init__(self, number, customer, amount):
        self.number = number
        self.customer = customer
        self.amount = amount


def read(count):
    for number in range(count):
        yield f"{number};customer {number * 7919 % 1009};{number % 97}.{number % 89:02}"


def process(lines):
    totals = defaultdict(float)
    orders = defaultdict(list)
    for line in lines:
        number, customer, amount = line.split(";")
        order = Order(int(number), customer.upper(), float(amount))
        totals[order.customer] += order.amount
        orders[order.customer].append(order)
    return totals, orders


def write(totals, orders):
    rows = [
        {"customer": customer, "total": round(total, 2), "orders": len(orders[customer])}
        for customer, total in totals.items()
    ]
    rows.sort(key=lambda row: (-row["total"], row["customer"]))
    return "\n".join(",".join(str(value) for value in row.values()) for row in rows)


count = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000
length = 0
for _ in range(2):
    length += len(write(*process(read(count))))
print(length)
