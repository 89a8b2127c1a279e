// SPDX-License-Identifier: MIT
// C++: static objects with constructors and destructors, virtual functions, templates, generic
// lambdas.
#include "host.h"

namespace {

struct Shape {
    virtual ~Shape() = default;
    virtual int area() const = 0;
};

struct Square final : Shape {
    explicit Square(int side) : side(side) {}
    ~Square() override { side = 0; }
    int area() const override { return side * side; }
    int side;
};

Square square(HostAction() == 0 ? 6 : 7);

template <typename T, typename F> T apply(T value, F f)
{
    return f(value);
}

} // namespace

extern "C" int DriverEntry(void *, void *)
{
    const Shape &shape = square;
    HostValue(apply(shape.area(), [](auto v) { return v + 1; }));
    square.side++;
    static Square local(3);
    HostValue(local.area());
    local.side = 10;
    return 0;
}
