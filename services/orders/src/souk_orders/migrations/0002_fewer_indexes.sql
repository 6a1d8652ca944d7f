-- Lists of all orders merge the newest of each state. An index by time alone cost an entry at each of an order's steps.
DROP INDEX orders_newest;
