-- The sample shop: 240 customers, 3 000 orders of the last 120 days, and refunds of some of them. The same each time.
create table customers (
    id         bigint generated always as identity primary key,
    name       text not null,
    email      text not null unique,
    country    text not null,
    created_at timestamptz not null
);

create table orders (
    id          bigint generated always as identity primary key,
    customer_id bigint not null references customers,
    placed_at   timestamptz not null,
    item        text not null,
    quantity    integer not null check (quantity > 0),
    total_cents bigint not null check (total_cents > 0),
    status      text not null check (status in ('placed', 'shipped', 'delivered', 'cancelled'))
);
create index on orders (customer_id);
create index on orders (placed_at);

create table refunds (
    id           bigint generated always as identity primary key,
    order_id     bigint not null references orders,
    amount_cents bigint not null check (amount_cents > 0),
    reason       text not null,
    created_at   timestamptz not null default now()
);

with first as (
    select name, n from unnest(array['Maria', 'Jonas', 'Aisha', 'Wei', 'Lucía', 'Tomasz', 'Priya', 'Kwame', 'Freya', 'Hiroshi',
        'Elena', 'Omar', 'Chloé', 'Mateus', 'Ingrid', 'Samuel']) with ordinality as f(name, n)
), last as (
    select name, country, n from unnest(
        array['Rossi', 'Becker', 'Haddad', 'Zhang', 'García', 'Nowak', 'Sharma', 'Mensah', 'Lindqvist', 'Tanaka',
            'Petrova', 'Farouk', 'Dubois', 'Almeida', 'Berg'],
        array['IT', 'DE', 'LB', 'CN', 'ES', 'PL', 'IN', 'GH', 'SE', 'JP', 'BG', 'EG', 'FR', 'BR', 'NO']
    ) with ordinality as l(name, country, n)
)
insert into customers (name, email, country, created_at)
select first.name || ' ' || last.name,
    translate(lower(first.name || '.' || last.name), 'íéá', 'iea') || '@example.com',
    last.country,
    date_trunc('day', now()) - make_interval(days => (100 + (first.n * 37 + last.n * 53) % 900)::int)
from first, last
order by (first.n * 7 + last.n * 11) % 240, first.n;

insert into orders (customer_id, placed_at, item, quantity, total_cents, status)
select 1 + (n * 7919) % 240,
    now() - make_interval(mins => n * 57),
    (array['Desk lamp', 'Office chair', 'Notebook, ruled', 'USB-C dock', 'Standing desk', 'Monitor arm', 'Headset',
        'Whiteboard', 'Cable tray', 'Keyboard'])[1 + (n * 31 + n / 7) % 10],
    1 + n / 3 % 4,
    (1 + n / 3 % 4) * (array[3900, 24900, 690, 8900, 54900, 7900, 12900, 9900, 1900, 10900])[1 + (n * 31 + n / 7) % 10],
    case when n % 29 = 0 then 'cancelled' when n < 40 then 'placed' when n < 160 then 'shipped' else 'delivered' end
from generate_series(1, 3000) as n;

insert into refunds (order_id, amount_cents, reason, created_at)
select id, total_cents, (array['arrived damaged', 'wrong size', 'ordered twice', 'late delivery'])[1 + id % 4],
    placed_at + interval '5 days'
from orders
where status = 'cancelled' or id % 47 = 0;

grant select on customers to orders_app;
grant select, insert, update on orders, refunds to orders_app;
